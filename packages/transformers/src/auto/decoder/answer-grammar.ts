import { quote } from '@hfquant/core/runtime'
import {
  type CompiledGrammar,
  compileVocabulary,
  type GrammarSource,
  type Vocabulary,
} from '@hfquant/grammar'
import type { ModelFacts } from '@hfquant/models'
import { type GenerationConfig, GenerationConfigError } from '../../generate/index.js'
import type { Tokenizer } from '../../tokenizer/index.js'
import { tokenizerMissing } from './check-tokens.js'

/** What the text of an answer has to be: one of the two, or neither. */
export interface GrammarOptions {
  /** A JSON schema: the answer is a JSON value that it describes. */
  readonly schema?: unknown
  /** A grammar, or what one is compiled from, such as `{ type: 'regex', pattern: '[a-z]+' }`. */
  readonly grammar?: GrammarSource | CompiledGrammar | undefined
}

/**
 * The grammar of an answer; undefined for any text.
 *
 * @throws GenerationConfigError for both options, for what is no grammar, and where no token can end the answer.
 */
export function answerGrammar(
  { schema, grammar }: GrammarOptions,
  config: Pick<GenerationConfig, 'eosTokenIds'>,
): GrammarSource | CompiledGrammar | undefined {
  if (schema === undefined && grammar === undefined) return undefined
  if (schema !== undefined && grammar !== undefined)
    throw invalid('schema', schema, 'schema and grammar cannot be given together', 'Leave out one of them.')
  if (config.eosTokenIds.length === 0) {
    throw invalid(
      schema === undefined ? 'grammar' : 'schema',
      schema ?? grammar,
      'no token ends the answer, which a grammar needs',
      'Leave out ignoreEos, or give an eosTokenId.',
    )
  }
  if (grammar !== undefined && (typeof grammar !== 'object' || grammar === null)) {
    const hint = "Pass for example { type: 'json_object' }."
    throw invalid('grammar', grammar, `grammar is ${quote(grammar)}, expected an object`, hint)
  }
  return grammar ?? { type: 'json_schema', schema }
}

const invalid = (field: string, found: unknown, message: string, hint: string): GenerationConfigError =>
  new GenerationConfigError('GENERATION_OPTION_INVALID', message, { field, found, hint })

/** The vocabularies of a model: one for each set of end tokens, made when it is first asked for. */
export function createVocabularies(
  { vocabSize: size }: Pick<ModelFacts, 'vocabSize'>,
  tokenizer: Tokenizer | undefined,
): (endTokenIds: readonly number[]) => Vocabulary {
  if (tokenizer === undefined) throw tokenizerMissing()
  const { tokenBytes } = tokenizer
  const made = new Map<string, Vocabulary>()
  return (endTokenIds) => {
    const key = endTokenIds.join()
    const vocabulary = made.get(key) ?? compileVocabulary({ size, tokenBytes, endTokenIds })
    made.set(key, vocabulary)
    return vocabulary
  }
}
