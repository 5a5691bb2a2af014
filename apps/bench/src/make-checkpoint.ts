import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type JsonObject, stateDict } from '@hfquant/core/runtime'
import { describeModel } from '@hfquant/models'
import { createSafetensorsFile, layoutSafetensors, type TensorSpec } from '@hfquant/safetensors'
import { createRandom } from './measure/random.js'

/** Sizes of a made model; the other ones follow from its shape. */
export interface MadeSizes {
  readonly layers: number
  readonly vocabulary: number
  /** Tokens that a sequence may have. */
  readonly positions: number
}

/** A model that figures refer to: its config.json by its sizes. */
export interface MadeShape extends MadeSizes {
  config(sizes: MadeSizes): JsonObject
}

/** Llama with 1.1 billion parameters: all figures refer to it unless they say otherwise. */
export const BILLION: MadeShape = {
  ...{ layers: 22, vocabulary: 32000, positions: 2048 },
  config: (sizes) => ({
    ...common(sizes),
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: 2048,
    intermediate_size: 5632,
    num_attention_heads: 32,
    num_key_value_heads: 4,
  }),
}

const qwen = (sizes: MadeSizes): JsonObject => ({
  ...common(sizes),
  hidden_size: 1536,
  num_attention_heads: 12,
  num_key_value_heads: 4,
  head_dim: 128,
})

/** Qwen 3 with 64 experts, of which 8 are chosen: 3.2 billion parameters, 0.6 billion of them active. */
const MIXTURE: MadeShape = {
  ...{ layers: 20, vocabulary: 32000, positions: 2048 },
  config: (sizes) => ({
    ...qwen(sizes),
    architectures: ['Qwen3MoeForCausalLM'],
    model_type: 'qwen3_moe',
    ...{ moe_intermediate_size: 512, intermediate_size: 4096, num_experts: 64, num_experts_per_tok: 8 },
    ...{ norm_topk_prob: true, decoder_sparse_step: 1, mlp_only_layers: [] },
  }),
}

/** The dense model that reads as many weights for a token as the mixture does. */
const ACTIVE: MadeShape = {
  ...{ layers: 20, vocabulary: 32000, positions: 2048 },
  config: (sizes) => ({
    ...qwen(sizes),
    architectures: ['Qwen3ForCausalLM'],
    ...{ model_type: 'qwen3', intermediate_size: 4096 },
  }),
}

/** BERT base: 110 million parameters. */
const BERT_BASE: MadeShape = { ...{ layers: 12, vocabulary: 30522, positions: 512 }, config: bert(768, 12) }

/** The shape of MiniLM with six layers: 22 million parameters. */
const MINILM: MadeShape = { ...{ layers: 6, vocabulary: 30522, positions: 512 }, config: bert(384, 12) }

function bert(hidden: number, heads: number): MadeShape['config'] {
  return ({ layers, vocabulary, positions }) => ({
    architectures: ['BertModel'],
    ...{ model_type: 'bert', num_hidden_layers: layers, vocab_size: vocabulary },
    ...{ hidden_size: hidden, intermediate_size: 4 * hidden, num_attention_heads: heads },
    ...{
      hidden_act: 'gelu',
      max_position_embeddings: positions,
      type_vocab_size: 2,
      torch_dtype: 'bfloat16',
    },
  })
}

/** Encoders, by their name. */
export const ENCODER_SHAPES = { 'bert-base': BERT_BASE, minilm: MINILM } as const

export const SHAPES: Readonly<Record<string, MadeShape>> = {
  billion: BILLION,
  mixture: MIXTURE,
  active: ACTIVE,
  ...ENCODER_SHAPES,
}

const common = ({ layers, vocabulary, positions }: MadeSizes): JsonObject => ({
  num_hidden_layers: layers,
  hidden_act: 'silu',
  max_position_embeddings: positions,
  vocab_size: vocabulary,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
})

/** Writes a bfloat16 checkpoint of random weights, the same every time, its config.json and a tokenizer. */
export async function makeCheckpoint(folder: string, shape: MadeShape): Promise<void> {
  const config = shape.config(shape)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer(shape)))
  await writeFile(join(folder, 'tokenizer_config.json'), '{}\n')
  const [layout] = layoutSafetensors(await tensors(config), { metadata: { format: 'pt' } }).files
  const file = await createSafetensorsFile(join(folder, layout!.fileName), layout!)
  const noise = createNoise()
  for (const [name, { byteLength }] of layout!.tensors) {
    const isNorm = /norm.*weight$/i.test(name)
    for (let offset = 0; offset < byteLength; offset += PIECE) {
      const piece = new Uint16Array(Math.min(PIECE, byteLength - offset) / 2)
      if (isNorm) piece.fill(BFLOAT16_ONE)
      else noise(piece)
      await file.write(name, new Uint8Array(piece.buffer), offset)
    }
  }
  await file.close()
}

/** Every tensor of the model that a config.json describes. */
async function tensors(config: JsonObject): Promise<readonly TensorSpec[]> {
  const model = await describeModel(config, async () => ({}))
  return stateDict(model.build('bfloat16')).map(({ name, shape }) => ({
    ...{ name, shape, dtype: 'BF16' as const },
  }))
}

const PIECE = 4 * 2 ** 20
const BFLOAT16_ONE = 0x3f80

/**
 * All bytes, and tokens "t256", "t257", … that nothing is merged to: enough for programs that load no model without a
 * vocabulary, and for grammars, which need every character.
 */
const tokenizer = ({ vocabulary }: MadeSizes) => ({
  version: '1.0',
  added_tokens: [],
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  decoder: { type: 'ByteLevel' },
  model: {
    type: 'BPE',
    vocab: Object.fromEntries(
      Array.from({ length: vocabulary }, (_, id) => [byteCharacter(id) ?? `t${id}`, id]),
    ),
    merges: [],
  },
})

/** Weights of about the spread of trained ones (standard deviation 0.02), drawn from a table by chance, the same every time. */
export function createNoise(): (out: Uint16Array) => void {
  const next = createRandom(0x9e3779b9)
  const float = new Float32Array(1)
  const bits = new Uint16Array(float.buffer)
  const table = Uint16Array.from({ length: 65536 }, () => {
    const sum = next() + next() + next() + next()
    float[0] = (sum / 2 ** 32 - 2) * 0.035
    return bits[1]!
  })
  return (out) => {
    for (let index = 0; index < out.length; index++) out[index] = table[next() & 0xffff]!
  }
}

/** What stands for a byte in a vocabulary of the kind of GPT-2: itself if it can be seen, else a letter beyond Latin-1. */
function byteCharacter(byte: number): string | undefined {
  if (byte > 0xff) return undefined
  const isSeen = (one: number) => (one > 0x20 && one < 0x7f) || (one > 0xa0 && one !== 0xad)
  if (isSeen(byte)) return String.fromCharCode(byte)
  const before = Array.from({ length: byte }, (_, one) => one).filter((one) => !isSeen(one))
  return String.fromCharCode(0x100 + before.length)
}
