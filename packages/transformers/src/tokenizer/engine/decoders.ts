import { fromByteCharacters } from './byte-alphabet.js'
import {
  booleanField,
  characterField,
  checkGrowth,
  countField,
  rootStage,
  type Stage,
  stageAt,
  stagesIn,
  textField,
  unknownStage,
} from './fields.js'
import { readPattern } from './pattern/pattern.js'
import { readPrependScheme } from './pre-tokenizers.js'

/** Rewrites tokens into parts of the text. */
export type Decoder = (tokens: readonly string[]) => readonly string[]

export interface TokenDecoder {
  /** Joins tokens to the text that they stand for. */
  decode(tokens: readonly string[]): string
  /** True for a token that is a byte: a run of them is a text only when it has ended. */
  isByte(token: string): boolean
  /** The bytes that a token adds to a text in whose middle it stands. */
  bytesOf(token: string): Uint8Array
}

/** The decoder of tokenizer.json; without one, tokens are words. Throws TokenizerFileError. */
export function readDecoder(value: unknown): TokenDecoder {
  if (value === null) {
    const decode = (tokens: readonly string[]) => tokens.join(' ')
    return { decode, isByte: () => false, bytesOf: (token) => utf8.encode(addedText(token, decode)) }
  }
  const stage = rootStage(value, 'decoder')
  const decoder = createDecoder(stage)
  const [joinsBytes, spellsBytes] = [has(stage, 'ByteFallback'), has(stage, 'ByteLevel')]
  const decode = (tokens: readonly string[]) => decoder(tokens).join('')
  return {
    decode,
    isByte: (token) => joinsBytes && byteOf(token) !== undefined,
    bytesOf(token) {
      const byte = joinsBytes ? byteOf(token) : undefined
      if (byte !== undefined) return Uint8Array.of(byte)
      return spellsBytes ? Uint8Array.from(fromByteCharacters(token)) : utf8.encode(addedText(token, decode))
    },
  }
}

/** Whether a decoder is of a type, or has a part that is. */
function has({ json }: Stage, type: string): boolean {
  if (json.type !== 'Sequence') return json.type === type
  return (json.decoders as readonly unknown[]).some((one) => has(stageAt(one, 'decoder'), type))
}

/** What stands before a token whose text at the beginning would be another one, without its space for example. */
const BEFORE = 'a'

/** The text of a token behind another one. */
function addedText(token: string, decode: TokenDecoder['decode']): string {
  const text = decode([BEFORE, token])
  return text.startsWith(BEFORE) ? text.slice(BEFORE.length) : decode([token])
}

const utf8 = new TextEncoder()

function createDecoder(stage: Stage): Decoder {
  switch (stage.json.type) {
    case 'ByteLevel':
      return decodeBytes
    case 'ByteFallback':
      return joinByteTokens
    case 'Fuse':
      return (tokens) => [tokens.join('')]
    case 'Replace':
      return replaceDecoder(stage)
    case 'Strip':
      return stripDecoder(stage)
    case 'Metaspace':
      return metaspaceDecoder(stage)
    case 'WordPiece':
      return wordPieceDecoder(stage)
    case 'BPEDecoder': {
      const suffix = textField(stage, 'suffix')
      return (tokens) =>
        tokens.map((token, index) => replaceEvery(token, suffix, index === tokens.length - 1 ? '' : ' '))
    }
    case 'CTC':
      return ctcDecoder(stage)
    case 'Sequence':
      return sequenceDecoder(stage)
    default:
      throw unknownStage(stage)
  }
}

function sequenceDecoder(stage: Stage): Decoder {
  const decoders = stagesIn(stage, 'decoders').map(createDecoder)
  return (tokens) => {
    const before = lengthOf(tokens)
    return decoders.reduce((parts, decode) => {
      const decoded = decode(parts)
      checkGrowth(before, lengthOf(decoded), stage.path)
      return decoded
    }, tokens)
  }
}

function lengthOf(parts: readonly string[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}

/** Text of bytes; what is no UTF-8 becomes U+FFFD, and a byte order mark is a character. */
const lenient = new TextDecoder('utf-8', { ignoreBOM: true })
const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })

function decodeBytes(tokens: readonly string[]): readonly string[] {
  const bytes: number[] = []
  for (const token of tokens) for (const byte of fromByteCharacters(token)) bytes.push(byte)
  return [lenient.decode(Uint8Array.from(bytes))]
}

/** Runs of byte tokens become text, or a U+FFFD for each byte where the run is no UTF-8. */
function joinByteTokens(tokens: readonly string[]): readonly string[] {
  const parts: string[] = []
  let run: number[] = []
  for (const token of tokens) {
    const byte = byteOf(token)
    if (byte !== undefined) {
      run.push(byte)
      continue
    }
    endRun()
    parts.push(token)
  }
  endRun()
  return parts

  function endRun(): void {
    if (run.length === 0) return
    try {
      parts.push(strict.decode(Uint8Array.from(run)))
    } catch {
      for (const _ of run) parts.push('\uFFFD')
    }
    run = []
  }
}

/** The value of `<0x41>`. */
function byteOf(token: string): number | undefined {
  const digits = /^<0x(\+?[0-9a-fA-F]+)>$/.exec(token)
  return digits !== null && token.length === 6 ? Number.parseInt(digits[1]!, 16) : undefined
}

function replaceDecoder(stage: Stage): Decoder {
  const pattern = readPattern(stage.json.pattern, `${stage.path}.pattern`)
  const content = textField(stage, 'content')
  return (tokens) =>
    tokens.map((token) => {
      if (token === '') return token
      let result = ''
      for (const { start, end, isMatch } of pattern(token)) {
        result += isMatch ? content : token.slice(start, end)
        checkGrowth(token.length, result.length, stage.path)
      }
      return result
    })
}

function stripDecoder(stage: Stage): Decoder {
  const content = characterField(stage, 'content')
  const most = { start: countField(stage, 'start', 0), stop: countField(stage, 'stop', 0) }
  return (tokens) =>
    tokens.map((token) => {
      let start = 0
      let end = token.length
      for (let count = 0; count < most.start && token.startsWith(content, start); count++)
        start += content.length
      for (let count = 0; count < most.stop && end > start && token.endsWith(content, end); count++)
        end -= content.length
      return token.slice(start, end)
    })
}

function metaspaceDecoder(stage: Stage): Decoder {
  const mark = characterField(stage, 'replacement')
  const strips = readPrependScheme(stage) !== 'never'
  return (tokens) => tokens.map((token, index) => replaceEvery(token, mark, index === 0 && strips ? '' : ' '))
}

function wordPieceDecoder(stage: Stage): Decoder {
  const prefix = textField(stage, 'prefix')
  const cleans = booleanField(stage, 'cleanup')
  return (tokens) =>
    tokens.map((token, index) => {
      const joined = index === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`
      return cleans ? cleanWord(joined) : joined
    })
}

/** Repeated tokens of speech count once. */
function ctcDecoder(stage: Stage): Decoder {
  const pad = textField(stage, 'pad_token')
  const delimiter = textField(stage, 'word_delimiter_token')
  const cleans = booleanField(stage, 'cleanup')
  return (tokens) =>
    tokens
      .filter((token, index) => token !== tokens[index - 1])
      .map((token) => replaceEvery(token, pad, ''))
      .map((token) => (cleans ? replaceEvery(cleanWord(token), delimiter, ' ') : token))
      .filter((token) => token !== '')
}

/** The replacements of the Rust library, in its order. */
const replacements: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
]

function cleanWord(token: string): string {
  return replacements.reduce((result, [from, to]) => result.replaceAll(from, to), token)
}

function replaceEvery(text: string, from: string, to: string): string {
  return text.split(from).join(to)
}
