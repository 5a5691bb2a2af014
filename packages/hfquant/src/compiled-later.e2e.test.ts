import { mkdirSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { AutoModelForCausalLM, cacheFolder, compileModel, listCompiledModels } from './index.js'
import { newFolder, useOwnCaches } from './testing/starts.fixture.js'

useOwnCaches()

const [VOCABULARY, HIDDEN] = [34_000, 1024]

/** One narrow layer below an embedding that alone is too large to be compiled before the model answers. */
function makeModel(): string {
  const folder = newFolder()
  const inner = 64
  const layer = 'model.layers.0'
  const shapes: Record<string, number[]> = {
    'model.embed_tokens.weight': [VOCABULARY, HIDDEN],
    'model.norm.weight': [HIDDEN],
    [`${layer}.input_layernorm.weight`]: [HIDDEN],
    [`${layer}.post_attention_layernorm.weight`]: [HIDDEN],
    [`${layer}.self_attn.q_proj.weight`]: [inner, HIDDEN],
    [`${layer}.self_attn.k_proj.weight`]: [inner, HIDDEN],
    [`${layer}.self_attn.v_proj.weight`]: [inner, HIDDEN],
    [`${layer}.self_attn.o_proj.weight`]: [HIDDEN, inner],
    [`${layer}.mlp.gate_proj.weight`]: [inner, HIDDEN],
    [`${layer}.mlp.up_proj.weight`]: [inner, HIDDEN],
    [`${layer}.mlp.down_proj.weight`]: [HIDDEN, inner],
  }
  let end = 0
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const start = end
    end += 2 * shape.reduce((product, size) => product * size, 1)
    return [name, { dtype: 'BF16', shape, data_offsets: [start, end] }] as const
  })
  // Numbers of bfloat16 from 2^-7 to 2^-5, of both signs.
  const values = Uint16Array.from(
    { length: end / 2 },
    (_, index) => ((Math.imul(index, 2654435761) >>> 16) & 0x80ff) | 0x3c00,
  )
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({
      ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', torch_dtype: 'bfloat16' },
      ...{ hidden_size: HIDDEN, intermediate_size: inner, num_hidden_layers: 1, vocab_size: VOCABULARY },
      ...{ num_attention_heads: 4, num_key_value_heads: 4, head_dim: 16, hidden_act: 'silu' },
      ...{ max_position_embeddings: 64, rms_norm_eps: 1e-5, rope_theta: 10000, tie_word_embeddings: true },
    }),
  )
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  const file = openSync(join(folder, 'model.safetensors'), 'w')
  for (const bytes of [length, header, new Uint8Array(values.buffer)]) writeSync(file, bytes)
  return folder
}

async function tokensOf(folder: string): Promise<number[]> {
  await using model = await AutoModelForCausalLM.fromPretrained(folder)
  const tokens: number[] = []
  const settings = { maxNewTokens: 3, temperature: 0, ignoreEos: true }
  for await (const { tokenId } of model.generate({ inputIds: [3, 5, 7] }, settings)) tokens.push(tokenId)
  return tokens
}

const workers = (): number[] =>
  readdirSync(join(cacheFolder(), 'work')).map((tag) => Number.parseInt(tag, 10))

/** Waits until what another process does is done. */
async function until(isDone: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isDone())) await setTimeout(20)
}

test('a large model answers before it is compiled, by a process that may be killed; the answer stays the same', {
  timeout: 120_000,
}, async () => {
  const folder = makeModel()
  const first = await tokensOf(folder)
  // The process that compiles works in a folder of its own, which bears its number.
  const packers = () => workers().filter((pid) => pid !== process.pid)
  await until(() => packers().length > 0)
  expect(await listCompiledModels()).toEqual([])
  for (const pid of packers()) process.kill(pid, 'SIGKILL')
  // The next start begins again, and removes what was left.
  expect(await tokensOf(folder)).toEqual(first)
  await until(async () => (await listCompiledModels()).length === 1)
  await until(() => workers().length === 0)
  expect(await tokensOf(folder)).toEqual(first)
  expect(await compileModel(folder)).toMatchObject({ kind: 'compiled', method: null })
})
