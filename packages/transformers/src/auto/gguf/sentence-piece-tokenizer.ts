import { TOKEN_TYPE } from '../../export/gguf/token-type.js'
import { TokenizerFileError } from '../../tokenizer/errors.js'
import type { GgufTokenizerKind } from './byte-level-tokenizer.js'
import { type GgufVocabulary, vocabOf } from './gguf-vocabulary.js'

const SPACE = '▁'

/** Byte-pair encoding with "▁" for spaces and tokens for single bytes, llama.cpp's "llama". */
export function sentencePieceTokenizer(vocabulary: GgufVocabulary): GgufTokenizerKind {
  const { tokens, types } = vocabulary
  const unknown = vocabulary.id('unknown') ?? types.indexOf(TOKEN_TYPE.unknown)
  const prepends = vocabulary.flag('add_space_prefix', true)
  const vocab = vocabOf(
    vocabulary,
    (type) => type !== TOKEN_TYPE.unused,
    (token, type) => (type === TOKEN_TYPE.userDefined ? token.replaceAll(' ', SPACE) : token),
  )
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: SPACE }
  const decoders = [
    { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(prepends ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ]
  return {
    stages: {
      normalizer: prepends
        ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: SPACE }, spaces] }
        : spaces,
      pre_tokenizer: null,
      model: {
        ...{ type: 'BPE', vocab, merges: mergesOf(vocabulary), byte_fallback: true, fuse_unk: true },
        unk_token: tokens[unknown] ?? null,
      },
      decoder: { type: 'Sequence', decoders },
    },
    addsBos: true,
  }
}

/** More than any word; a longer token is found by no merge, and a list of them would take a day to look for. */
const MAX_MERGED_CHARACTERS = 128

/**
 * The merges that give the scores: llama.cpp joins the neighbours whose token has the highest one, whatever the two are, so
 * every cut of a token into two others is a merge, and all cuts of a better token come first.
 */
function mergesOf(vocabulary: GgufVocabulary): readonly (readonly [string, string])[] {
  const { file, tokens, types } = vocabulary
  const scores = vocabulary.numbers('scores') ?? tokens.map(() => 0)
  if (scores.length !== tokens.length) {
    const problem = `${file}: "tokenizer.ggml.scores" has ${scores.length} numbers for ${tokens.length} tokens`
    throw new TokenizerFileError('TOKENIZER_FILE_INVALID', problem, {
      ...{ file, field: 'tokenizer.ggml.scores', found: scores.length, expected: tokens.length },
      hint: 'Compare the file with the one in the original repository.',
    })
  }
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const cutsOf = (token: string): (readonly [number, number])[] => {
    const characters = [...token]
    if (characters.length > MAX_MERGED_CHARACTERS) return []
    const cuts: (readonly [number, number])[] = []
    for (let at = characters[0]!.length, index = 1; index < characters.length; index++) {
      const [left, right] = [ids.get(token.slice(0, at)), ids.get(token.slice(at))]
      if (left !== undefined && right !== undefined) cuts.push([left, right])
      at += characters[index]!.length
    }
    return cuts.sort((a, b) => a[0] - b[0] || a[1] - b[1])
  }
  return tokens
    .map((_, id) => id)
    .filter((id) => types[id] === TOKEN_TYPE.normal && tokens[id] !== '')
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .flatMap((id) => cutsOf(tokens[id]!).map(([left, right]) => [tokens[left]!, tokens[right]!] as const))
}
