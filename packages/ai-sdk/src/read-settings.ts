import { InvalidArgumentError, type SharedV3Warning } from '@ai-sdk/provider'
import type { GenerationOptions, GrammarSource } from 'hfquant'
import type { CallOptions } from './call-options.js'
import { readOwnOptions } from './own-options.js'

/** `providerOptions.hfquant` of a language model: what the AI SDK has no setting for. */
export interface LanguageModelOptions
  extends Pick<
    GenerationOptions,
    | 'minP'
    | 'repetitionPenalty'
    | 'logitBias'
    | 'minNewTokens'
    | 'noRepeatNgramSize'
    | 'promptLookupNumTokens'
  > {
  /** What the chat template reads besides the conversation, such as `{ enable_thinking: false }`. */
  readonly variables?: { readonly [name: string]: unknown } | undefined
  /** Several calls of tools in one answer. Default true. */
  readonly parallelToolCalls?: boolean | undefined
}

const OWN = [
  'minP',
  'repetitionPenalty',
  'logitBias',
  'minNewTokens',
  'noRepeatNgramSize',
  'promptLookupNumTokens',
  'variables',
  'parallelToolCalls',
] as const satisfies readonly (keyof LanguageModelOptions)[]

/** What a call says about how its answer is generated. */
export interface CallSettings {
  /** Without stop strings: where they count depends on the model. */
  readonly generation: GenerationOptions
  readonly stop: readonly string[]
  readonly responseFormat: GrammarSource | undefined
  readonly variables: { readonly [name: string]: unknown }
  readonly parallelToolCalls: boolean
}

/**
 * Settings of the AI SDK under the names of the library, which checks the values. What has no effect is told in `warnings`.
 *
 * @throws InvalidArgumentError for options of this provider that are none.
 */
export function readSettings(options: CallOptions, warnings: SharedV3Warning[]): CallSettings {
  const own = readOwnOptions<LanguageModelOptions>(options.providerOptions, OWN)
  const { variables = {}, parallelToolCalls = true, ...others } = own
  checkKind('variables', variables, 'an object', typeof variables === 'object' && variables !== null)
  checkKind('parallelToolCalls', parallelToolCalls, 'a boolean', typeof parallelToolCalls === 'boolean')
  const { temperature, topK, topP, seed, presencePenalty, frequencyPenalty } = options
  const sampling = { topK, topP, seed: seed === undefined ? undefined : Math.abs(seed) }
  if (temperature === 0) warnings.push(...unusedSettings(sampling))
  return {
    generation: {
      ...others,
      ...{ temperature, presencePenalty, frequencyPenalty },
      ...(temperature !== 0 && sampling),
      maxNewTokens: options.maxOutputTokens,
    },
    stop: options.stopSequences ?? [],
    responseFormat: formatOf(options.responseFormat),
    ...{ variables, parallelToolCalls },
  }
}

const unusedSettings = (sampling: object): SharedV3Warning[] =>
  Object.entries(sampling).flatMap(([feature, value]) =>
    value === undefined
      ? []
      : [{ type: 'unsupported', feature, details: 'At temperature 0 the likeliest token is taken.' }],
  )

function formatOf(format: CallOptions['responseFormat']): GrammarSource | undefined {
  if (format?.type !== 'json') return undefined
  const { schema } = format
  return schema === undefined ? { type: 'json_object' } : { type: 'json_schema', schema }
}

function checkKind(name: string, value: unknown, expected: string, fits: boolean): void {
  if (fits) return
  const argument = `providerOptions.hfquant.${name}`
  const message = `${argument} is ${value === null ? 'null' : typeof value}, expected ${expected}.`
  throw new InvalidArgumentError({ argument, message })
}
