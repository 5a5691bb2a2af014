import { TokenizerError } from '../errors.js'
import { wrong } from '../tokenizer-json.js'
import { countField, type Stage, textField } from './fields.js'
import { type Model, rememberWords } from './model.js'
import { widthOf } from './pattern/character-set.js'
import { asStep } from './steps.js'
import { createTrie, type Trie } from './trie.js'

/** The whole piece is a token, or unknown. */
export function wordLevelModel(stage: Stage, vocabulary: ReadonlyMap<string, number>): Model {
  const unknown = textField(stage, 'unk_token', '<unk>')
  return {
    encode: asStep((piece, ids) => {
      ids.push(vocabulary.get(piece) ?? unknownId(vocabulary, unknown))
    }),
  }
}

/** The longest token that a word begins with, again and again (BERT). */
export function wordPieceModel(stage: Stage, vocabulary: ReadonlyMap<string, number>): Model {
  const unknown = textField(stage, 'unk_token', '[UNK]')
  const prefix = textField(stage, 'continuing_subword_prefix', '##')
  const longest = countField(stage, 'max_input_chars_per_word', 0, 100)
  const trie = createTrie(vocabulary)
  const continuation = trie.nodeOf(prefix)

  return {
    encode: rememberWords(
      asStep((piece, ids) => {
        const found = countCharacters(piece) > longest ? undefined : split(piece)
        for (const id of found ?? [unknownId(vocabulary, unknown)]) ids.push(id)
      }),
    ),
  }

  function split(word: string): number[] | undefined {
    const ids: number[] = []
    for (let at = 0; at < word.length; ) {
      if (at > 0 && continuation === 0 && prefix !== '') return undefined
      const match = longestMatch(trie, at === 0 ? 0 : continuation, word, at)
      if (match === undefined) return undefined
      ids.push(match.value)
      at = match.end
    }
    return ids
  }
}

function longestMatch(
  trie: Trie,
  from: number,
  text: string,
  start: number,
): { value: number; end: number } | undefined {
  let found: { value: number; end: number } | undefined
  let node = from
  for (let at = start; at < text.length; at++) {
    node = trie.step(node, text.charCodeAt(at))
    if (node === 0) break
    const value = trie.valueOf(node)
    if (value !== -1) found = { value, end: at + 1 }
  }
  return found
}

function countCharacters(text: string): number {
  let count = 0
  for (let at = 0; at < text.length; at += widthOf(text.codePointAt(at)!)) count++
  return count
}

/** The error for a character or word that a vocabulary without an unknown token does not have. */
export function noUnknownToken(): TokenizerError {
  return new TokenizerError(
    'TEXT_UNKNOWN',
    'a part of the text is in no token, and the vocabulary has no unknown token',
    {
      field: 'text',
      hint: 'The tokenizer cannot encode this text; Python refuses it, too.',
    },
  )
}

function unknownId(vocabulary: ReadonlyMap<string, number>, token: string): number {
  const id = vocabulary.get(token)
  if (id === undefined) throw noUnknownToken()
  return id
}

/** Throws TokenizerFileError unless the optional text is one or null. */
export function optionalText({ json, path }: Stage, field: string): string | undefined {
  const value = json[field] ?? undefined
  if (value === undefined || typeof value === 'string') return value
  throw wrong(`${path}.${field}`, value, 'a string or null')
}
