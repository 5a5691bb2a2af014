import { closestName } from '@hfquant/core'
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

/**
 * Merges the caller's options over the content of generation_config.json, over the defaults of transformers
 * (temperature 1, top_k 50 and top_p 1 when sampling, repetition_penalty 1, greedy).
 *
 * Whether to sample: doSample decides if the caller gives it; else temperature 0 means greedy; else any of
 * temperature, topK, topP, minP and seed means sampling; else the file decides. A length limit of the caller
 * replaces both limits of the file. Unknown keys of the file are left alone, unknown options are an error.
 * Throws GenerationConfigError.
 */
export function resolveGenerationConfig(
  file: JsonObject = {},
  options: GenerationOptions = {},
): GenerationConfig {
  refuseUnknownOptions(options)
  const given = readOptions(options)
  const merged: Values = { ...readFile(file, given), ...given }
  const doSample = decideSampling(given, merged)
  return {
    maxNewTokens: merged.maxNewTokens,
    maxLength: merged.maxLength,
    doSample,
    temperature: merged.temperature ?? 1,
    topK: merged.topK ?? 50,
    topP: merged.topP ?? 1,
    minP: merged.minP,
    repetitionPenalty: merged.repetitionPenalty ?? 1,
    seed: merged.seed,
    stop: merged.stop ?? [],
    eosTokenIds: merged.ignoreEos === true ? [] : (merged.eosTokenId ?? []),
    padTokenId: merged.padTokenId,
    bosTokenId: merged.bosTokenId,
  }
}

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
function readFile(file: JsonObject, given: Values): Values {
  const limited = given.maxNewTokens !== undefined || given.maxLength !== undefined
  const open = generationOptionNames.filter(
    (name) => given[name] === undefined && !(limited && (name === 'maxNewTokens' || name === 'maxLength')),
  )
  return Object.fromEntries(
    open.flatMap((name) => {
      const field: { fileKey?: string } = optionFields[name]
      const value = field.fileKey === undefined ? undefined : file[field.fileKey]
      return isAbsent(name, value) ? [] : [[name, readValue(name, value, field.fileKey)]]
    }),
  )
}

/** Null and, for a token id, -1 are how Python writes "none". */
function isAbsent(name: string, value: unknown): boolean {
  return value === undefined || value === null || (name.endsWith('TokenId') && value === -1)
}

function readValue(name: keyof Fields, found: unknown, fileKey?: string): unknown {
  const { expected, read } = optionFields[name]
  const value = read(found)
  if (value !== undefined) return value
  const where = fileKey === undefined ? name : `${fileKey} in ${FILE}`
  throw new GenerationConfigError(
    fileKey === undefined ? 'GENERATION_OPTION_INVALID' : 'GENERATION_CONFIG_INVALID',
    `${where} is ${JSON.stringify(found) ?? String(found)}, expected ${expected}`,
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

function decideSampling(given: Values, merged: Values): boolean {
  const impliesSampling = ['temperature', 'topK', 'topP', 'minP', 'seed'] as const
  const implied = impliesSampling.some((name) => given[name] !== undefined) ? true : undefined
  const greedy = merged.temperature === 0
  if (given.doSample === true && greedy) {
    throw new GenerationConfigError('GENERATION_OPTION_INVALID', 'doSample is true but temperature is 0', {
      field: 'temperature',
      found: 0,
      expected: 'a number above 0',
      hint: 'Give a temperature above 0 to sample, or leave out doSample for the most likely tokens.',
    })
  }
  return given.doSample ?? (greedy ? false : (implied ?? merged.doSample ?? false))
}
