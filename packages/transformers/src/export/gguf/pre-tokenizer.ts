import { CapabilityError } from '@hfquant/core'
import { createEngine } from '../../tokenizer/engine/engine.js'
import { runAtOnce } from '../../tokenizer/engine/steps.js'
import { isObject, type JsonObject } from '../../tokenizer/json.js'
import { PROBE_TEXTS } from './probe-texts.js'
import type { Vocabulary } from './vocabulary.js'

/**
 * How a text is split before pairs of bytes are merged. The expressions are compiled into llama.cpp and chosen by name;
 * a file cannot bring its own.
 */
export const PRE_TOKENIZERS = [
  ...['gpt-2', 'llama-bpe', 'qwen2', 'smollm', 'tekken', 'gpt-4o'],
  ...['falcon', 'starcoder', 'command-r', 'olmo', 'deepseek-llm', 'deepseek-coder', 'deepseek-v3'],
] as const

export type PreTokenizerName = (typeof PRE_TOKENIZERS)[number]

interface Candidate {
  readonly name: PreTokenizerName
  /** The same splits as `pre_tokenizer` of tokenizer.json. */
  readonly stage: JsonObject
  /** Whether a piece that is a token is taken whole; goes with the name. */
  readonly ignoreMerges: boolean
}

/**
 * The name whose splits are those of the tokenizer: the one with the same expression, else the first that gives the same
 * ids on a set of awkward texts.
 *
 * @throws CapabilityError PRE_TOKENIZER_UNKNOWN when none does and none was asked for.
 */
export function choosePreTokenizer(
  vocabulary: Vocabulary,
  wanted: PreTokenizerName | undefined,
): { readonly name: PreTokenizerName; readonly warnings: readonly string[] } {
  if (wanted !== undefined) return { name: wanted, warnings: [] }
  const { json, model } = vocabulary
  const own = expressionOf(json.pre_tokenizer)
  const exact = CANDIDATES.find(({ stage }) => own !== undefined && expressionOf(stage) === own)
  if (exact !== undefined && exact.ignoreMerges === (model.ignore_merges === true)) {
    return { name: exact.name, warnings: [] }
  }
  const expected = probe(vocabulary, {})
  const alike = CANDIDATES.find(({ stage, ignoreMerges }) => {
    const change = { pre_tokenizer: stage, model: { ...model, ignore_merges: ignoreMerges } }
    return probe(vocabulary, change) === expected
  })
  if (alike === undefined) throw unknown()
  const warning = `llama.cpp has no pre-tokenizer like that of tokenizer.json; "${alike.name}" gives the same tokens on ${PROBE_TEXTS.length} sample texts`
  return { name: alike.name, warnings: [warning] }
}

const unknown = (): CapabilityError =>
  new CapabilityError(
    'PRE_TOKENIZER_UNKNOWN',
    'llama.cpp has no pre-tokenizer that splits texts as tokenizer.json does',
    {
      file: 'tokenizer.json',
      field: 'pre_tokenizer',
      expected: preTokenizersWithStage(),
      hint: `Name the nearest one in preTokenizer if other tokens are acceptable: ${PRE_TOKENIZERS.join(', ')}.`,
    },
  )

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true }
const GPT2 = { ...BYTE_LEVEL, use_regex: true }

const sequence = (...pretokenizers: JsonObject[]): JsonObject => ({ type: 'Sequence', pretokenizers })

const splitBy = (expression: string): JsonObject =>
  sequence(
    { type: 'Split', pattern: { Regex: expression }, behavior: 'Isolated', invert: false },
    { ...BYTE_LEVEL, use_regex: false },
  )

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const SPACES = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`
const UPPER = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
const LOWER = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
const BEFORE_LETTERS = String.raw`[^\r\n\p{L}\p{N}]?`

/** Words of Llama 3 and Qwen 2, which differ in how many digits stay together. */
const words = (digits: string): string =>
  `${CONTRACTIONS}|${BEFORE_LETTERS}${String.raw`\p{L}+`}|${digits}|${String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*`}|${SPACES}`

/** Words of Tekken and o200k, in which a capital begins a new piece. */
const casedWords = (ending: string, digits: string): string =>
  [
    `${BEFORE_LETTERS}${UPPER}*${LOWER}+${ending}`,
    `${BEFORE_LETTERS}${UPPER}+${LOWER}*${ending}`,
    digits,
    String.raw` ?[^\s\p{L}\p{N}]+[\r\n/]*`,
    SPACES,
  ].join('|')

const CANDIDATES: readonly Candidate[] = [
  { name: 'gpt-2', stage: GPT2, ignoreMerges: false },
  { name: 'llama-bpe', stage: splitBy(words(String.raw`\p{N}{1,3}`)), ignoreMerges: true },
  { name: 'qwen2', stage: splitBy(words(String.raw`\p{N}`)), ignoreMerges: false },
  { name: 'smollm', stage: sequence({ type: 'Digits', individual_digits: true }, GPT2), ignoreMerges: false },
  { name: 'tekken', stage: splitBy(casedWords('', String.raw`\p{N}`)), ignoreMerges: true },
  {
    name: 'gpt-4o',
    stage: splitBy(casedWords(`${CONTRACTIONS}?`, String.raw`\p{N}{1,3}`)),
    ignoreMerges: false,
  },
]

/** The stage that llama.cpp means by a name, for reading; undefined for one that is not known here. */
export const preTokenizerNamed = (name: string): Candidate | undefined =>
  CANDIDATES.find((candidate) => candidate.name === name)

/** Names that `preTokenizerNamed` knows. */
export const preTokenizersWithStage = (): readonly PreTokenizerName[] => CANDIDATES.map(({ name }) => name)

/** What a pre-tokenizer splits by, so that two can be compared; undefined for one that does anything unusual. */
function expressionOf(stage: unknown): string | undefined {
  if (!isObject(stage)) return undefined
  switch (stage.type) {
    case 'Sequence': {
      const parts = Array.isArray(stage.pretokenizers) ? stage.pretokenizers.map(expressionOf) : [undefined]
      return parts.includes(undefined) ? undefined : parts.filter((part) => part !== '').join(' then ')
    }
    case 'ByteLevel':
      if (stage.add_prefix_space === true) return undefined
      return stage.use_regex === false ? '' : 'gpt2'
    case 'Digits':
      return stage.individual_digits === true ? 'digits' : undefined
    case 'Split': {
      const expression = isObject(stage.pattern) ? stage.pattern.Regex : undefined
      const isPlain = stage.behavior === 'Isolated' && stage.invert !== true
      return isPlain && typeof expression === 'string' ? expression : undefined
    }
    default:
      return undefined
  }
}

/** Token ids of the sample texts, with some of tokenizer.json replaced. */
function probe({ json, ids }: Vocabulary, change: JsonObject): string {
  const engine = createEngine({ ...json, ...change }, ids)
  return PROBE_TEXTS.map((text) =>
    runAtOnce(engine.encode(text, { addSpecialTokens: false })).join(' '),
  ).join('\n')
}
