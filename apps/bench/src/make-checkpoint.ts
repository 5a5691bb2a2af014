import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSafetensorsFile, layoutSafetensors, type TensorSpec } from '@hfquant/safetensors'

/** The shape of a Llama model. The default is that of the 1.1-billion-parameter model that all figures refer to. */
export interface LlamaShape {
  readonly hidden: number
  readonly intermediate: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly vocabulary: number
}

export const BILLION: LlamaShape = {
  hidden: 2048,
  intermediate: 5632,
  layers: 22,
  heads: 32,
  kvHeads: 4,
  vocabulary: 32000,
}

/** Writes a bfloat16 checkpoint of random weights, the same every time, its config.json and a tokenizer. */
export async function makeCheckpoint(folder: string, shape: LlamaShape): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'config.json'), `${JSON.stringify(config(shape), null, 2)}\n`)
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer(shape)))
  await writeFile(join(folder, 'tokenizer_config.json'), '{}\n')
  const [layout] = layoutSafetensors(tensors(shape), { metadata: { format: 'pt' } }).files
  const file = await createSafetensorsFile(join(folder, layout!.fileName), layout!)
  const noise = createNoise()
  for (const [name, { byteLength }] of layout!.tensors) {
    const isNorm = name.includes('norm')
    for (let offset = 0; offset < byteLength; offset += PIECE) {
      const piece = new Uint16Array(Math.min(PIECE, byteLength - offset) / 2)
      if (isNorm) piece.fill(BFLOAT16_ONE)
      else noise(piece)
      await file.write(name, new Uint8Array(piece.buffer), offset)
    }
  }
  await file.close()
}

const PIECE = 4 * 2 ** 20
const BFLOAT16_ONE = 0x3f80

const config = ({ hidden, intermediate, layers, heads, kvHeads, vocabulary }: LlamaShape) => ({
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: hidden,
  intermediate_size: intermediate,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: kvHeads,
  hidden_act: 'silu',
  max_position_embeddings: 2048,
  vocab_size: vocabulary,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
})

/** Tokens "t0", "t1", … that nothing is merged to: enough for programs that load no model without a vocabulary. */
const tokenizer = ({ vocabulary }: LlamaShape) => ({
  version: '1.0',
  added_tokens: [],
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  decoder: { type: 'ByteLevel' },
  model: {
    type: 'BPE',
    vocab: Object.fromEntries(Array.from({ length: vocabulary }, (_, id) => [`t${id}`, id])),
    merges: [],
  },
})

function tensors({ hidden, intermediate, layers, heads, kvHeads, vocabulary }: LlamaShape): TensorSpec[] {
  const kvSize = (hidden / heads) * kvHeads
  const tensor = (name: string, ...shape: number[]): TensorSpec => ({
    name: `${name}.weight`,
    dtype: 'BF16',
    shape,
  })
  const layer = (path: string) => [
    tensor(`${path}.self_attn.q_proj`, hidden, hidden),
    tensor(`${path}.self_attn.k_proj`, kvSize, hidden),
    tensor(`${path}.self_attn.v_proj`, kvSize, hidden),
    tensor(`${path}.self_attn.o_proj`, hidden, hidden),
    tensor(`${path}.mlp.gate_proj`, intermediate, hidden),
    tensor(`${path}.mlp.up_proj`, intermediate, hidden),
    tensor(`${path}.mlp.down_proj`, hidden, intermediate),
    tensor(`${path}.input_layernorm`, hidden),
    tensor(`${path}.post_attention_layernorm`, hidden),
  ]
  return [
    tensor('model.embed_tokens', vocabulary, hidden),
    ...Array.from({ length: layers }, (_, index) => layer(`model.layers.${index}`)).flat(),
    tensor('model.norm', hidden),
    tensor('lm_head', vocabulary, hidden),
  ]
}

/** Weights of about the spread of trained ones (standard deviation 0.02), drawn from a table by xorshift32. */
function createNoise(): (out: Uint16Array) => void {
  let state = 0x9e3779b9
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
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
