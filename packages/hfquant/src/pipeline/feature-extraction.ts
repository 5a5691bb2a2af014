import { ConfigError } from '@hfquant/core'
import type { BaseEncoder, EncodedText } from '@hfquant/transformers'
import { type CallOptions, checkOption, checkTexts, knownOptions } from './call-options.js'
import type { Loaded } from './loaded.js'
import { Tensor } from './tensor.js'

export interface FeatureExtractionOptions extends CallOptions {
  /**
   * One vector of a text: the mean of those of its tokens, the first, or the last. Default: none, the vectors of all tokens.
   */
  readonly pooling?: 'none' | 'mean' | 'cls' | 'first_token' | 'eos' | 'last_token' | undefined
  /** Gives vectors the length 1. */
  readonly normalize?: boolean | undefined
  /** Keeps of each number whether it is greater than 0: one bit. */
  readonly quantize?: boolean | undefined
  /** 'binary', the default: bytes less 128, as int8. 'ubinary': bytes as uint8. */
  readonly precision?: 'binary' | 'ubinary' | undefined
}

/**
 * Vectors of texts: [texts, channels] with pooling, [texts, tokens, channels] without, where rows behind the end of a text
 * are 0. Texts that are too long are cut.
 */
export type FeatureExtraction = (
  texts: string | readonly string[],
  options?: FeatureExtractionOptions,
) => Promise<Tensor>

const POOLINGS = ['none', 'mean', 'cls', 'first_token', 'eos', 'last_token'] as const
const NAMES = ['pooling', 'normalize', 'quantize', 'precision'] as const

export const featureExtraction =
  ({ model, truncation }: Loaded<BaseEncoder>): FeatureExtraction =>
  async (texts, options) => {
    checkTexts(texts)
    const {
      pooling = 'none',
      normalize = false,
      quantize = false,
      precision = 'binary',
      signal,
    } = knownOptions(options, NAMES)
    checkOption('pooling', pooling, POOLINGS.includes(pooling), `one of ${POOLINGS.join(', ')}`)
    checkOption('precision', precision, ['binary', 'ubinary'].includes(precision), "'binary' or 'ubinary'")
    const encoded = await model.encode([texts].flat() as string[], { ...truncation, signal })
    const vectors = pooling === 'none' ? sideBySide(encoded) : pooled(encoded, pooling)
    const scaled = normalize ? normalized(vectors) : vectors
    return quantize ? packed(scaled, precision) : scaled
  }

function sideBySide(encoded: readonly EncodedText[]): Tensor {
  const channels = encoded[0]!.shape[1]
  const tokens = Math.max(...encoded.map(({ shape }) => shape[0]))
  const data = new Float32Array(encoded.length * tokens * channels)
  for (const [index, { lastHiddenState }] of encoded.entries())
    data.set(lastHiddenState, index * tokens * channels)
  return new Tensor('float32', data, [encoded.length, tokens, channels])
}

function pooled(
  encoded: readonly EncodedText[],
  pooling: Exclude<(typeof POOLINGS)[number], 'none'>,
): Tensor {
  const channels = encoded[0]!.shape[1]
  const data = new Float32Array(encoded.length * channels)
  for (const [index, { lastHiddenState: states, shape }] of encoded.entries()) {
    const into = data.subarray(index * channels, (index + 1) * channels)
    if (pooling === 'mean') mean(into, states)
    else {
      const token = pooling === 'eos' || pooling === 'last_token' ? shape[0] - 1 : 0
      into.set(states.subarray(token * channels, (token + 1) * channels))
    }
  }
  return new Tensor('float32', data, [encoded.length, channels])
}

function mean(into: Float32Array, states: Float32Array): void {
  const channels = into.length
  const tokens = states.length / channels
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0
    for (let at = channel; at < states.length; at += channels) sum += states[at]!
    into[channel] = sum / tokens
  }
}

/** Each vector, of a text or of a token; one of zeros stays what it is. */
function normalized({ type, data, dims }: Tensor): Tensor {
  const channels = dims.at(-1)!
  const scaled = Float32Array.from(data)
  for (let at = 0; at < scaled.length; at += channels) {
    const vector = scaled.subarray(at, at + channels)
    const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
    if (length > 0) for (let channel = 0; channel < channels; channel++) vector[channel]! /= length
  }
  return new Tensor(type, scaled, dims)
}

/** Eight numbers make a byte, the first of them its highest bit. */
function packed({ data, dims }: Tensor, precision: 'binary' | 'ubinary'): Tensor {
  if (dims.length !== 2 || dims[1]! % 8 !== 0) {
    throw new ConfigError(
      'OPTION_VALUE',
      `quantize packs vectors of texts whose length is a multiple of 8, found [${dims.join(', ')}]`,
      { field: 'quantize', found: dims, hint: 'Pass a pooling, too, or leave quantize out.' },
    )
  }
  const bytes = new Uint8Array(data.length / 8)
  for (const [index, value] of data.entries()) if (value > 0) bytes[index >> 3]! |= 0x80 >> (index & 7)
  const shape = [dims[0]!, dims[1]! / 8]
  return precision === 'ubinary'
    ? new Tensor('uint8', bytes, shape)
    : new Tensor(
        'int8',
        Int8Array.from(bytes, (byte) => byte - 128),
        shape,
      )
}
