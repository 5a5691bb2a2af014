import { CapabilityError, CheckpointError, type JsonObject } from '@hfquant/core'
import type { GgufInput } from '../gguf/gguf-input.js'
import type { GgufReader } from '../gguf/gguf-reader.js'
import { yarnAmplitude } from '../parts/rope.js'
import type { DecoderGguf } from './gguf-of-decoder.js'
import { llama3Of } from './llama3-of-divisors.js'

/** How a config.json of a family of decoders is rebuilt; undefined for a family whose GGUF files are not read. */
export function decoderGgufInput(
  { architecture, activation, config }: DecoderGguf,
  [name]: readonly string[],
  [modelType]: readonly string[],
): GgufInput | undefined {
  if (config === undefined) return undefined
  return {
    architecture,
    config(read, ropeDivisors) {
      const usual = {
        ...{ architectures: [name], model_type: modelType },
        ...sizesOf(read),
        ...(activation === undefined && { hidden_act: 'silu' }),
        rms_norm_eps: read.number('attention.layer_norm_rms_epsilon'),
        tie_word_embeddings: !read.hasTensor('output.weight'),
        rope_parameters: ropeOf(read, ropeDivisors),
        ...tokensOf(read),
      }
      return { ...usual, ...config(read, usual) }
    },
  }
}

function sizesOf(read: GgufReader) {
  const heads = read.same('attention.head_count')
  const headSize = headSizeOf(read)
  demandWholeHeads(read, headSize)
  return {
    hidden_size: read.count('embedding_length'),
    intermediate_size: read.same('feed_forward_length'),
    num_hidden_layers: read.layers,
    num_attention_heads: heads,
    num_key_value_heads: read.same('attention.head_count_kv', heads),
    head_dim: headSize,
    max_position_embeddings: read.count('context_length'),
    // Some files have a vocab_size of another model; the table is what is looked up in.
    vocab_size: read.shape('token_embd.weight')[0],
  }
}

/** Channels of a head that a key counts of their own: no family whose files are read has fewer of them, or more. */
const OF_HEADS = { 'attention.value_length': 'values of', 'rope.dimension_count': 'a rope over' } as const

/** @throws CapabilityError GGUF_HEADS where a rope turns a part of a head, or values have another size. */
function demandWholeHeads(read: GgufReader, headSize: number): void {
  const { file } = read
  for (const [field, what] of Object.entries(OF_HEADS)) {
    const found = read.count(field, headSize)
    if (found === headSize) continue
    throw new CapabilityError('GGUF_HEADS', `${file} has ${what} ${found} channels in heads of ${headSize}`, {
      ...{ file, field, found, expected: headSize },
      hint: 'Load the model from its Hugging Face checkpoint.',
    })
  }
}

/** What llama.cpp takes it for where no key says it. */
function headSizeOf(read: GgufReader): number {
  const usual = Math.floor(read.count('embedding_length') / read.same('attention.head_count'))
  return read.count('attention.key_length', read.count('rope.dimension_count', usual))
}

function ropeOf(read: GgufReader, divisors: Float32Array | undefined): JsonObject {
  const { file } = read
  const theta = { rope_theta: read.number('rope.freq_base', 10000) }
  const older = read.has('rope.scale_linear') ? 'linear' : 'none'
  const type = read.text('rope.scaling.type') ?? older
  if (divisors !== undefined) return { ...llama3(read, divisors, theta.rope_theta), ...theta }
  if (type === 'none') return { rope_type: 'default', ...theta }
  if (type === 'linear') {
    const factor = read.number('rope.scaling.factor', read.number('rope.scale_linear', 1))
    return { rope_type: 'linear', ...theta, factor }
  }
  if (type !== 'yarn') {
    throw new CapabilityError('GGUF_ROPE', `${file} scales its rope by "${type}"`, {
      ...{ file, field: 'rope.scaling.type', found: type, expected: ['none', 'linear', 'yarn'] },
      hint: 'Load the model from its Hugging Face checkpoint.',
    })
  }
  const factor = read.number('rope.scaling.factor')
  // llama.cpp multiplies with the usual amplitude of the factor, and with this.
  const amplitude = read.number('rope.scaling.attn_factor', 1)
  return {
    ...{ rope_type: 'yarn', ...theta, factor },
    original_max_position_embeddings: read.count('rope.scaling.original_context_length'),
    beta_fast: read.number('rope.scaling.yarn_beta_fast', 32),
    beta_slow: read.number('rope.scaling.yarn_beta_slow', 1),
    ...(amplitude !== 1 && { attention_factor: amplitude * yarnAmplitude(factor) }),
  }
}

function llama3(read: GgufReader, divisors: Float32Array, theta: number): JsonObject {
  const { file } = read
  const width = headSizeOf(read)
  const tensor = 'rope_freqs.weight'
  if (divisors.length !== width / 2) {
    const problem = `${file}: "${tensor}" has ${divisors.length} numbers, expected ${width / 2}`
    throw new CheckpointError('GGUF_TENSOR', problem, {
      ...{ file, tensor, found: divisors.length, expected: width / 2 },
      hint: 'Convert the model again with a current llama.cpp.',
    })
  }
  const found = llama3Of(divisors, { width, theta })
  if (found !== undefined) return found
  throw new CapabilityError('GGUF_ROPE', `${file} divides frequencies as no rope_type of config.json does`, {
    ...{ file, tensor, expected: 'the divisors of Llama 3' },
    hint: 'Load the model from its Hugging Face checkpoint.',
  })
}

function tokensOf(read: GgufReader): JsonObject {
  const [bos, eos, eot, pad] = ['bos', 'eos', 'eot', 'padding'].map(read.token)
  const ends = [...new Set([eos, eot])].filter((id) => id !== undefined)
  return {
    ...(bos !== undefined && { bos_token_id: bos }),
    ...(ends.length > 0 && { eos_token_id: ends.length === 1 ? ends[0] : ends }),
    ...(pad !== undefined && { pad_token_id: pad }),
  }
}
