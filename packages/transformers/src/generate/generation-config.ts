import { closestName, quote } from '@hfquant/core/runtime'
import type { TokenConstraints } from '@hfquant/onnx'
import { GenerationConfigError } from './errors.js'
import {
  type GenerationConfig,
  type GenerationOptions,
  generationOptionNames,
  optionFields,
} from './generation-options.js'

const FILE = 'generation_config.json'

type JsonObject = { readonly [key: string]: unknown }
type Fields = typeof optionFields
/** The checked values of one source; what it does not mention is undefined. */
type Values = { readonly [name in keyof Fields]?: NonNullable<ReturnType<Fields[name]['read']>> }

/** Settings that only random choices read. */
const OF_SAMPLING: ReadonlySet<string> = new Set(['temperature', 'topK', 'topP', 'minP'])

/**
 * Merges the caller's options over the content of generation_config.json, over the defaults of transformers
 * (temperature 1, top_k 50 and top_p 1 when sampling, repetition_penalty 1, greedy).
 *
 * Whether to sample: doSample decides if the caller gives it; else temperature 0 means greedy; else any of
 * temperature, topK, topP, minP and seed means sampling; else the file decides. A length limit of the caller
 * replaces both limits of the file. Numbers of the file that only sampling reads are not looked at where nothing is
 * sampled. Unknown keys of the file are left alone (see generationWarnings), unknown options are an error.
 * Throws GenerationConfigError.
 */
export function resolveGenerationConfig(
  file: JsonObject = {},
  options: GenerationOptions = {},
): GenerationConfig {
  refuseUnknownOptions(options)
  const given = readOptions(options)
  const doSample = decideSampling(given, file)
  const merged: Values = { ...readFile(file, given, doSample), ...given }
  return {
    maxNewTokens: merged.maxNewTokens,
    maxLength: merged.maxLength,
    doSample,
    temperature: merged.temperature ?? 1,
    topK: merged.topK ?? 50,
    topP: merged.topP ?? 1,
    minP: merged.minP,
    repetitionPenalty: merged.repetitionPenalty ?? 1,
    presencePenalty: merged.presencePenalty,
    frequencyPenalty: merged.frequencyPenalty,
    logitBias: merged.logitBias?.ids.length === 0 ? undefined : merged.logitBias,
    logprobs: merged.logprobs,
    seed: merged.seed,
    stop: merged.stop ?? [],
    eosTokenIds: merged.ignoreEos === true ? [] : (merged.eosTokenId ?? []),
    padTokenId: merged.padTokenId,
    bosTokenId: merged.bosTokenId,
    constraints: constraintsOf(merged),
    promptLookupNumTokens: merged.promptLookupNumTokens ?? 0,
  }
}

/** Options about single tokens; those that have no effect are left out, so that nothing is done for them. */
function constraintsOf(merged: Values): TokenConstraints | undefined {
  const named = CONSTRAINTS.flatMap((name) => {
    const value = merged[name]
    const hasEffect = Array.isArray(value) ? value.length > 0 : value !== undefined
    const isNone = value === 0 && name !== 'forcedBosTokenId'
    return hasEffect && !isNone ? [[name, value]] : []
  })
  return named.length === 0 ? undefined : Object.fromEntries(named)
}

const CONSTRAINTS = [
  'sequenceBias',
  'noRepeatNgramSize',
  'badWordsIds',
  'minLength',
  'minNewTokens',
  'forcedBosTokenId',
  'forcedEosTokenId',
  'suppressTokens',
  'beginSuppressTokens',
] as const satisfies readonly (keyof TokenConstraints)[]

function refuseUnknownOptions(options: object): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(optionFields, name)) continue
    const closest = closestName(name, generationOptionNames)
    throw new GenerationConfigError('GENERATION_OPTION_UNKNOWN', `"${name}" is not a generation option`, {
      field: name,
      expected: generationOptionNames,
      hint: `Did you mean "${closest}"? The options are ${generationOptionNames.join(', ')}.`,
    })
  }
}

function readOptions(options: GenerationOptions): Values {
  const mentioned = generationOptionNames.filter((name) => options[name] !== undefined)
  return Object.fromEntries(mentioned.map((name) => [name, readValue(name, options[name])]))
}

/** Reads what the caller leaves open, so that an option also gets around a wrong field of the file. */
function readFile(file: JsonObject, given: Values, doSample: boolean): Values {
  const limited = given.maxNewTokens !== undefined || given.maxLength !== undefined
  const open = generationOptionNames.filter(
    (name) => given[name] === undefined && !(limited && (name === 'maxNewTokens' || name === 'maxLength')),
  )
  return Object.fromEntries(
    open.flatMap((name) => {
      const { fileKey }: { fileKey?: string } = optionFields[name]
      const value = fileKey === undefined ? undefined : present(name, file[fileKey])
      const isUnused = !doSample && OF_SAMPLING.has(name) && typeof value === 'number'
      return value === undefined || isUnused ? [] : [[name, readValue(name, value, fileKey)]]
    }),
  )
}

/** Null and, for a token id, -1 are how Python writes "none". */
function present(name: string, value: unknown): unknown {
  if (value === null) return undefined
  if (!name.endsWith('TokenId')) return value
  if (!Array.isArray(value)) return value === -1 ? undefined : value
  const ids = value.filter((id) => id !== -1)
  return ids.length === 0 && value.length > 0 ? undefined : ids
}

function readValue(name: keyof Fields, found: unknown, fileKey?: string): unknown {
  const { expected, read } = optionFields[name]
  const value = read(found)
  if (value !== undefined) return value
  const where = fileKey === undefined ? name : `${fileKey} in ${FILE}`
  throw new GenerationConfigError(
    fileKey === undefined ? 'GENERATION_OPTION_INVALID' : 'GENERATION_CONFIG_INVALID',
    `${where} is ${quote(found)}, expected ${expected}`,
    {
      field: fileKey ?? name,
      file: fileKey === undefined ? undefined : FILE,
      found,
      expected,
      hint:
        fileKey === undefined
          ? 'Leave it out to use the default of the model.'
          : `Correct the file, or give ${name} as an option.`,
    },
  )
}

function decideSampling(given: Values, file: JsonObject): boolean {
  const impliesSampling = ['temperature', 'topK', 'topP', 'minP', 'seed'] as const
  const implied = impliesSampling.some((name) => given[name] !== undefined) ? true : undefined
  const greedy = (given.temperature ?? file.temperature) === 0
  if (given.doSample === true && greedy) {
    throw new GenerationConfigError('GENERATION_OPTION_INVALID', 'doSample is true but temperature is 0', {
      field: 'temperature',
      found: 0,
      expected: 'a number above 0',
      hint: 'Give a temperature above 0 to sample, or leave out doSample for the most likely tokens.',
    })
  }
  const named = given.doSample ?? (greedy ? false : implied)
  if (named !== undefined) return named
  const value = present('doSample', file.do_sample)
  return value !== undefined && (readValue('doSample', value, 'do_sample') as boolean)
}
