import {
  type EmbeddingModelV3CallOptions,
  type EmbeddingModelV3Result,
  InvalidArgumentError,
  type SharedV3Warning,
} from '@ai-sdk/provider'
import type { BaseEncoder, EmbedOptions, EncoderInput } from 'hfquant'
import type { ProviderOptions } from './call-options.js'
import { PROVIDER, readOwnOptions } from './own-options.js'
import { toCallError } from './to-sdk-error.js'

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
      const { inputs, ...read } = await readValues(values, model, { ...own, signal })
      const vectors = await model.embed(inputs, { normalize: own.normalize, signal })
      const [first] = vectors
      if (first !== undefined) checkDimensions(options.dimensions, first.length)
      return { embeddings: vectors.map((vector) => [...vector]), ...read }
    } catch (error) {
      throw toCallError(error, { prompt: values, given: options.providerOptions?.[PROVIDER] ?? {} })
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

interface ReadValues {
  readonly inputs: readonly EncoderInput[]
  readonly usage: { tokens: number }
  readonly warnings: SharedV3Warning[]
}

/** Texts as tokens, which are counted; those that are longer than the model takes are cut as `embed` cuts them. */
async function readValues(
  values: readonly string[],
  model: Pick<BaseEncoder, 'sentenceInput' | 'tokenizer'>,
  { signal, ...options }: EmbedOptions,
): Promise<ReadValues> {
  const { textOf, maxLength, promptTokens } = await model.sentenceInput(options)
  const tokenizer = await model.tokenizer()
  const usage = { tokens: 0 }
  const warnings: SharedV3Warning[] = []
  // Embedding says then what is missing.
  if (tokenizer === undefined) return { inputs: values, usage, warnings }
  const inputs: EncoderInput[] = []
  for (const [index, value] of values.entries()) {
    const text = textOf(value)
    const inputIds = await tokenizer.encodeAsync(text, { signal, truncateTo: maxLength })
    inputs.push({ inputIds, promptTokens })
    usage.tokens += inputIds.length
    if (inputIds.length < maxLength) continue
    const { length } = await tokenizer.encodeAsync(text, { signal })
    if (length === maxLength) continue
    const message = `values[${index}] has ${length} tokens, of which the model reads the first ${maxLength}`
    warnings.push({ type: 'other', message })
  }
  return { inputs, usage, warnings }
}
