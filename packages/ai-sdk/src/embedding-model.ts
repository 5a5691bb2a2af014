import {
  type EmbeddingModelV3CallOptions,
  type EmbeddingModelV3Result,
  InvalidArgumentError,
  type SharedV3Warning,
} from '@ai-sdk/provider'
import type { BaseEncoder, EmbedOptions } from 'hfquant'
import type { ProviderOptions } from './call-options.js'
import { PROVIDER, readOwnOptions } from './own-options.js'
import { toSdkError } from './to-sdk-error.js'

/** `providerOptions.hfquant` of an embedding model. */
export type EmbeddingModelOptions = Omit<EmbedOptions, 'signal'>

const OWN = ['prompt', 'promptName', 'normalize'] as const satisfies readonly (keyof EmbeddingModelOptions)[]

/** A call of an embedding model, in every version of the interface that is offered. */
export interface EmbeddingCallOptions extends Pick<EmbeddingModelV3CallOptions, 'values' | 'abortSignal'> {
  providerOptions?: ProviderOptions
  /** Wanted numbers of a vector, since version 4. */
  dimensions?: number
}

/** An embedding model in one of the versions of the interface, which differ in what they are called with. */
export interface EmbeddingModel<Version> {
  readonly specificationVersion: Version
  readonly provider: string
  readonly modelId: string
  readonly maxEmbeddingsPerCall: number
  readonly supportsParallelCalls: boolean
  doEmbed(
    options: EmbeddingCallOptions,
  ): Promise<Required<Pick<EmbeddingModelV3Result, 'embeddings' | 'usage' | 'warnings'>>>
}

/** @param load the model of this name. */
export const createEmbeddingModel = <Version>(
  specificationVersion: Version,
  modelId: string,
  load: (signal: AbortSignal | undefined) => Promise<BaseEncoder>,
): EmbeddingModel<Version> => ({
  ...{ specificationVersion, modelId, provider: PROVIDER },
  // The library makes batches of texts of like lengths itself.
  maxEmbeddingsPerCall: Number.POSITIVE_INFINITY,
  supportsParallelCalls: true,
  async doEmbed(options) {
    const { values, abortSignal: signal } = options
    try {
      const own = readOwnOptions<EmbeddingModelOptions>(options.providerOptions, OWN)
      const model = await load(signal)
      const vectors = await model.embed(values, { ...own, signal })
      const [first] = vectors
      if (first !== undefined) checkDimensions(options.dimensions, first.length)
      const { tokens, warnings } = await countTokens(values, model, signal)
      return { embeddings: vectors.map((vector) => [...vector]), usage: { tokens }, warnings }
    } catch (error) {
      throw toSdkError(error, { modelId, modelType: 'embeddingModel', prompt: values })
    }
  },
})

function checkDimensions(wanted: number | undefined, found: number): void {
  if (wanted === undefined || wanted === found) return
  throw new InvalidArgumentError({
    argument: 'dimensions',
    message: `dimensions is ${wanted}, and the vectors of the model have ${found} numbers. Leave it out.`,
  })
}

/** Tokens that were read; of texts that are longer than the model takes, their beginnings. */
async function countTokens(
  values: readonly string[],
  model: Pick<BaseEncoder, 'maxLength' | 'tokenizer'>,
  signal: AbortSignal | undefined,
): Promise<{ readonly tokens: number; readonly warnings: SharedV3Warning[] }> {
  const tokenizer = await model.tokenizer()
  const warnings: SharedV3Warning[] = []
  let tokens = 0
  for (const [index, value] of values.entries()) {
    const { length } = (await tokenizer?.encodeAsync(value, { signal })) ?? []
    tokens += Math.min(length, model.maxLength)
    if (length <= model.maxLength) continue
    const message = `values[${index}] has ${length} tokens, of which the model reads the first ${model.maxLength}`
    warnings.push({ type: 'other', message })
  }
  return { tokens, warnings }
}
