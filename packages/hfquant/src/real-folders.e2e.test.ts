import { mkdtempSync, rmSync } from 'node:fs'
import { cp, readFile, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TensorWithData, writeSafetensors } from '@hfquant/safetensors'
import { readTensorFile } from '@hfquant/testkit'
import { afterAll, describe, expect, test } from 'vitest'
import { AutoModelForCausalLM, quantizeModel, recipe } from './index.js'
import { golden, largestDifference } from './testing/golden.fixture.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-folders-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

interface Expected {
  readonly inputIds: readonly number[]
  readonly logits: readonly number[]
}
const expected: Readonly<Record<string, Expected>> = JSON.parse(
  await readFile(golden('folders/expected.json'), 'utf8'),
)

type Change = (folder: string) => Promise<unknown>
let count = 0

/** A copy of a model of the goldens that was changed. */
async function changed(model: string, ...changes: readonly Change[]): Promise<string> {
  const folder = join(parent, String(count++))
  await cp(golden(`folders/${model}`), folder, { recursive: true })
  for (const change of changes) await change(folder)
  return folder
}

/** How far the logits of the last position are from Python's. */
async function errorOf(folder: string, of: string): Promise<number> {
  const { inputIds, logits } = expected[of]!
  const options = { compute: 'exact', cache: false, dtype: 'float32' } as const
  await using model = await AutoModelForCausalLM.fromPretrained(folder, options)
  const found = (await model.forward({ inputIds: [inputIds] })).logits
  return largestDifference(found.slice(-logits.length), Float32Array.from(logits))
}

const config =
  (change: object): Change =>
  async (folder) => {
    const path = join(folder, 'config.json')
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...change }))
  }
const move =
  (from: string, to: string): Change =>
  (folder) =>
    rename(join(folder, from), join(folder, to))

/** The weights written anew with other names or dtypes. */
const rewrite =
  (toTensor: (tensor: TensorWithData) => TensorWithData, file = 'model.safetensors'): Change =>
  async (folder) => {
    const { tensors, metadata } = await readTensorFile(join(folder, file))
    const all = [...tensors].map(([name, { dtype, shape, bytes }]) =>
      toTensor({ name, dtype: dtype as TensorWithData['dtype'], shape, data: new Uint8Array(bytes) }),
    )
    await writeSafetensors(join(folder, file), all, { metadata })
  }
const renameTensors = (toName: (name: string) => string): Change =>
  rewrite((tensor) => ({ ...tensor, name: toName(tensor.name) }))
const indexOf =
  (base: string, shard: string, more: readonly string[] = []): Change =>
  async (folder) => {
    const names = [...(await readTensorFile(join(folder, shard))).tensors.keys(), ...more]
    const weight_map = Object.fromEntries(names.map((name) => [name, shard]))
    await writeFile(join(folder, `${base}.safetensors.index.json`), JSON.stringify({ weight_map }))
  }

const SWITCHED_OFF = { quant_method: 'bitsandbytes', load_in_4bit: false, load_in_8bit: false }

describe('a float model has the logits that transformers computes, with', () => {
  test.each<readonly [what: string, ...changes: Change[]]>([
    ['a switched-off quantization', config({ quantization_config: SWITCHED_OFF })],
    [
      'weights that config.json names',
      move('model.safetensors', 'weights-v2.safetensors'),
      config({ transformers_weights: 'weights-v2.safetensors' }),
    ],
    ['the base prefix twice', renameTensors((name) => name.replace(/^model\./, 'model.model.'))],
  ])('%s', async (_, ...changes) => {
    expect(await errorOf(await changed('llama', ...(changes as Change[])), 'llama')).toBeLessThan(1e-4)
  })

  test('both spellings of rope settings', async () => {
    const rope = {
      rope_parameters: { rope_type: 'default', rope_theta: 10000 },
      rope_scaling: { rope_type: 'linear', factor: 4, rope_theta: 10000 },
    }
    expect(await errorOf(await changed('llama', config(rope)), 'llama-linear-4')).toBeLessThan(1e-4)
    expect(await errorOf(await changed('llama', config(rope)), 'llama')).toBeGreaterThan(0.1)
  })
})

describe('a GPTQ model has the logits of its formula, with', () => {
  const shard = 'gptq_model-4bit-16g-00001-of-00001.safetensors'
  test.each<readonly [what: string, ...changes: Change[]]>([
    ['the config of AutoGPTQ'],
    ['the config of optimum', move('quantize_config.json', 'quantization_config.json')],
    ['shards under the old name', move('model.safetensors', shard), indexOf('gptq_model-4bit-16g', shard)],
    ['the old name', move('model.safetensors', 'gptq_model-4bit-16g.safetensors')],
    ['the base prefix twice', renameTensors((name) => name.replace(/^model\./, 'model.model.'))],
  ])('%s', async (_, ...changes) => {
    expect(await errorOf(await changed('gptq', ...(changes as Change[])), 'gptq')).toBeLessThan(1e-3)
  })
})

test("torchao's packed int4 in a pickled file has the logits of its dequantized weights", async () => {
  expect(await errorOf(golden('folders/torchao-int4-bin'), 'torchao-int4-bin')).toBeLessThan(1e-3)
})

describe('what is made', () => {
  test('is refused before anything is written when the recipe fits no module', async () => {
    const out = join(parent, 'out')
    const quantizationConfig = await recipe('int4-weight-only')
    for (const dryRun of [true, false]) {
      await expect(
        quantizeModel(golden('folders/llama'), out, { quantizationConfig, dryRun }),
      ).rejects.toMatchObject({ code: 'NOTHING_QUANTIZED', message: expect.stringContaining('q_proj') })
    }
    await expect(readFile(join(out, 'config.json'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('does not name the file that the weights came from', async () => {
    const folder = await changed(
      'llama',
      move('model.safetensors', 'v2.safetensors'),
      config({ transformers_weights: 'v2.safetensors' }),
    )
    const out = join(parent, 'renamed')
    await quantizeModel(folder, out, { quantizationConfig: await recipe('int8-weight-only') })
    expect(await readFile(join(out, 'config.json'), 'utf8')).not.toContain('transformers_weights')
  })
})
