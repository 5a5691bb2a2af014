import type { BaseEncoder, EncoderInput } from 'hfquant'
import type { ServerContext } from '../context.js'
import type { Exchange } from '../http/exchange.js'
import { wrongValue } from '../http/read-body.js'
import { type EncodedTexts, encodeTexts } from './encode-texts.js'
import { type EncoderText, namingInput, readTokens } from './encoder-inputs.js'

/** Texts of which a request wants vectors. */
interface EmbedRequest {
  readonly inputs: readonly EncoderText[]
  /** Tokens that longer texts are cut to; infinite: to as many as the model reads; undefined: they are refused. */
  readonly truncateTo: number | undefined
  /** Of a vector: there is no choice, but a request may say which it expects. */
  readonly dimensions: number | undefined
  /** Gives vectors the length 1 where the folder does not say so. Default false. */
  readonly normalize?: boolean
}

/** The kind of texts whose vectors get the length 1. */
const NORMALIZED = 'normalized'

/**
 * Vectors of the texts, in batches with those of other requests.
 *
 * @throws ApiError as `encodeTexts`, and for other dimensions than those of the model.
 */
export async function embedTexts(
  context: ServerContext,
  exchange: Exchange,
  name: string | undefined,
  { inputs, truncateTo, dimensions, normalize = false }: EmbedRequest,
): Promise<EncodedTexts<{ readonly encoder: BaseEncoder }, Float32Array>> {
  const kind = normalize ? NORMALIZED : ''
  const encoded = await encodeTexts(context, exchange, name, {
    select: (model) => (model.kind === 'encoder' && model.task === 'embed' ? model : undefined),
    read: ({ reading }, signal) => readTokens(inputs, reading, truncateTo, signal, kind),
    compute: ({ encoder }, texts: readonly EncoderInput[], of) =>
      namingInput(encoder.embed(texts, { normalize: of === NORMALIZED })),
  })
  const width = encoded.outputs[0]?.length
  if (dimensions !== undefined && dimensions !== width) {
    throw wrongValue(String(dimensions), 'dimensions', `${width}, which is what the model gives`)
  }
  return encoded
}
