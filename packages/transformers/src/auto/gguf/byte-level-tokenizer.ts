import { CapabilityError } from '@hfquant/core'
import { preTokenizerNamed, preTokenizersWithStage } from '../../export/gguf/pre-tokenizer.js'
import { TOKEN_TYPE } from '../../export/gguf/token-type.js'
import { TokenizerFileError } from '../../tokenizer/errors.js'
import type { JsonObject } from '../../tokenizer/json.js'
import { type GgufVocabulary, vocabOf } from './gguf-vocabulary.js'

/** What differs between the two kinds of tokenizers. */
export interface GgufTokenizerKind {
  /** Stages of tokenizer.json. */
  readonly stages: JsonObject
  /** Whether a text begins with the token of a beginning where the file does not say it. */
  readonly addsBos: boolean
}

/**
 * Byte-pair encoding over visible bytes, llama.cpp's "gpt2".
 *
 * @throws CapabilityError TOKENIZER_UNKNOWN for a way to split texts that is not known: another one would give other tokens.
 */
export function byteLevelTokenizer(vocabulary: GgufVocabulary): GgufTokenizerKind {
  const { file } = vocabulary
  const name = vocabulary.text('pre') ?? 'default'
  const pre = preTokenizerNamed(name)
  if (pre === undefined) {
    throw new CapabilityError('TOKENIZER_UNKNOWN', `${file} splits texts as "${name}", which is not known`, {
      ...{ file, field: 'tokenizer.ggml.pre', found: name, expected: preTokenizersWithStage() },
      hint: 'Put tokenizer.json of the original repository beside the file.',
    })
  }
  const merges = (vocabulary.texts('merges') ?? []).map((merge, index) => {
    const space = merge.indexOf(' ')
    if (space > 0) return [merge.slice(0, space), merge.slice(space + 1)]
    const field = `tokenizer.ggml.merges[${index}]`
    throw new TokenizerFileError('TOKENIZER_FILE_INVALID', `${file}: ${field} is not two tokens`, {
      ...{ file, field, found: merge, expected: 'two tokens with a space between' },
      hint: 'Compare the file with the one in the original repository.',
    })
  })
  // With what is added beside it: libraries count tokens that are added from the end of the vocabulary.
  const vocab = vocabOf(vocabulary, (type) => type !== TOKEN_TYPE.unused)
  return {
    stages: {
      normalizer: null,
      pre_tokenizer: pre.stage,
      model: { type: 'BPE', vocab, merges, ignore_merges: pre.ignoreMerges },
      decoder: { type: 'ByteLevel' },
    },
    // llama.cpp has it by the name.
    addsBos: name === 'llama-bpe' || name === 'tekken',
  }
}
