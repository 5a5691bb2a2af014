import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { E2M1_VALUES, registerQuantizer } from '@hfquant/core'
import {
  type CheckpointChange,
  changeCheckpoint,
  readExpected,
  readTensorFile,
  relativeError,
  type StoredTensor,
  testFolder,
} from '@hfquant/testkit'
import { AutoModelForCausalLM, quantizeModel } from '@hfquant/transformers'
import { beforeAll, describe, expect, test } from 'vitest'
import { Mxfp4Config, mxfp4 } from './index.js'
import { golden } from './testing/golden.fixture.js'

registerQuantizer(mxfp4)
const folder = testFolder()
const published = golden('tiny-gpt-oss-mxfp4')
const older = golden('gpt_oss-mxfp4')
const tensorsOf = async (path: string, file = 'model') =>
  (await readTensorFile(join(path, `${file}.safetensors`))).tensors
const tensors = await tensorsOf(published)
const expected = await tensorsOf(published, 'expected')
const EXPERTS = 'model.layers.1.mlp.experts'

async function logitsOf(path: string, compute: 'exact' | 'fast' = 'exact'): Promise<Float32Array> {
  const { shape, bytes } = expected.get('input_ids')!
  const ids = Array.from(new BigInt64Array(bytes.buffer), Number)
  const inputIds = Array.from({ length: shape[0]! }, (_, row) =>
    ids.slice(row * shape[1]!, (row + 1) * shape[1]!),
  )
  await using model = await AutoModelForCausalLM.fromPretrained(path, { compute })
  return (await model.forward({ inputIds })).logits
}

const wanted = new Float32Array(expected.get('logits')!.bytes.buffer)

const changed = (name: string, change: CheckpointChange) =>
  changeCheckpoint(published, join(folder, name), change)

describe('a model as it is on the hub', () => {
  test('gives the logits of Python', async () => {
    expect(relativeError(await logitsOf(published), wanted)).toBeLessThan(2e-5)
  })

  test('gives logits and tokens of Python where config.json is an older one, and all but experts is float32', async () => {
    const { sequences, logits, greedy } = await readExpected(older)
    await using model = await AutoModelForCausalLM.fromPretrained(older, { compute: 'exact' })
    const found = await model.forward({ inputIds: sequences.map((ids) => [...ids]) })
    expect(relativeError(found.logits, logits)).toBeLessThan(2e-5)
    const tokens = [...greedy.slice(0, 8)]
    const options = { maxNewTokens: greedy.length - 8, temperature: 0, ignoreEos: true }
    for await (const { tokenId } of model.generate({ inputIds: [...tokens] }, options)) tokens.push(tokenId)
    expect(tokens).toEqual([...greedy])
  })

  test('computes fast with the codes of its experts, off by the rounding of activations alone', async () => {
    expect(relativeError(await logitsOf(published, 'fast'), wanted)).toBeLessThan(0.02)
  })

  test('is saved as it came, to the bit', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(published)
    const saved = join(folder, 'saved')
    await model.savePretrained(saved)
    expect(await tensorsOf(saved)).toEqual(tensors)
    const config = async (path: string) => JSON.parse(await readFile(join(path, 'config.json'), 'utf8'))
    expect((await config(saved)).quantization_config).toEqual((await config(published)).quantization_config)
  })

  test('has quantized experts, and nothing to say of its skip list', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(published)
    const left = model.quantization!.skipped.map(({ module }) => module)
    expect(left).toContain('model.layers.0.mlp.router')
    expect(left.filter((path) => path.includes('experts'))).toEqual([])
    expect(model.warnings).toEqual([])
  })

  test('is known by its tensors where config.json does not say what it is', async () => {
    const path = await changed('unsaid', (_, config) => void delete config.quantization_config)
    expect(relativeError(await logitsOf(path), wanted)).toBeLessThan(2e-5)
  })
})

describe('a float model', () => {
  const float = join(folder, 'float')
  beforeAll(async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(published)
    await model.dequantize()
    await model.savePretrained(float)
  })

  test('has the stacked weights of Python, columns first', async () => {
    const found = await tensorsOf(float)
    expect(found.get(`${EXPERTS}.gate_up_proj`)).toMatchObject({ dtype: 'BF16', shape: [4, 64, 64] })
    expect(found.get(`${EXPERTS}.down_proj`)).toMatchObject({ dtype: 'BF16', shape: [4, 32, 64] })
    expect(relativeError(await logitsOf(float), wanted)).toBeLessThan(2e-5)
  })

  test('has the values of the codes, each of them, rows and columns in turn', async () => {
    const out = join(folder, 'older')
    await using model = await AutoModelForCausalLM.fromPretrained(older)
    await model.dequantize()
    await model.savePretrained(out)
    const [floats, stored] = [await tensorsOf(out), await tensorsOf(older)]
    for (const name of ['gate_up_proj', 'down_proj']) {
      const { dtype, shape, bytes } = floats.get(`${EXPERTS}.${name}`)!
      const [experts, columns, rows] = shape as [number, number, number]
      expect(dtype).toBe('F32')
      const values = new Float32Array(bytes.slice().buffer)
      const [codes, scales] = ['blocks', 'scales'].map(
        (key) => stored.get(`${EXPERTS}.${name}_${key}`)!.bytes,
      )
      const expected = values.map((_, at) => {
        const [expert, column, row] = [
          Math.floor(at / columns / rows),
          Math.floor(at / rows) % columns,
          at % rows,
        ]
        const place = (expert * rows + row) * columns + column
        const code = (codes![place >> 1]! >> (4 * (place % 2))) & 15
        return E2M1_VALUES[code]! * 2 ** (scales![place >> 5]! - 127)
      })
      expect(values.length).toBe(experts * columns * rows)
      expect(values).toEqual(expected)
    }
  })

  test('is quantized into the layout of the hub, experts and nothing else', async () => {
    const out = join(folder, 'made')
    await quantizeModel(float, out, { quantizationConfig: new Mxfp4Config() })
    expect(await tensorsOf(out)).toEqual(tensors)
    const { quantization_config: block } = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))
    expect(block).toEqual(
      JSON.parse(await readFile(join(published, 'config.json'), 'utf8')).quantization_config,
    )
  })

  test('keeps the experts of a layer in float, all or none of them', async () => {
    const skipping = (...modulesToNotConvert: string[]) => ({
      quantizationConfig: new Mxfp4Config({ modulesToNotConvert }),
    })
    const out = join(folder, 'partly')
    await quantizeModel(float, out, skipping('model.layers.0.mlp'))
    const names = [...(await tensorsOf(out)).keys()]
    expect(names).toContain('model.layers.0.mlp.experts.down_proj')
    expect(names).toContain('model.layers.1.mlp.experts.down_proj_blocks')
    const split = quantizeModel(float, join(folder, 'split'), skipping('mlp.experts.2'))
    await expect(split).rejects.toMatchObject({ code: 'STACK_SPLIT' })
  })

  test('of another architecture is not quantized', async () => {
    const other = fileURLToPath(new URL('../../../goldens/architectures/granitemoe', import.meta.url))
    const request = quantizeModel(other, join(folder, 'other'), { quantizationConfig: new Mxfp4Config() })
    await expect(request).rejects.toMatchObject({ code: 'NOTHING_QUANTIZED' })
  })
})

describe('is refused before a weight is used:', () => {
  const cut = ({ dtype, shape, bytes }: StoredTensor, axis: number, size: number): StoredTensor => {
    const cutShape = shape.map((old, at) => (at === axis ? size : old))
    const count = cutShape.reduce((product, each) => product * each, 1)
    return { dtype, shape: cutShape, bytes: bytes.slice(0, count) }
  }
  const change =
    (name: string, edit: (tensor: StoredTensor) => StoredTensor | undefined) =>
    (own: Map<string, StoredTensor>) => {
      const edited = edit(own.get(`${EXPERTS}.${name}`)!)
      if (edited === undefined) own.delete(`${EXPERTS}.${name}`)
      else own.set(`${EXPERTS}.${name}`, edited)
    }

  test.each<readonly [string, CheckpointChange, object]>([
    [
      'scales of another number of blocks',
      change('gate_up_proj_scales', (scales) => cut(scales, 2, 1)),
      { code: 'TENSOR_MISMATCH', tensor: `${EXPERTS}.gate_up_proj_scales` },
    ],
    [
      'blocks of another size',
      change('down_proj_blocks', (blocks) => cut(blocks, 3, 8)),
      { code: 'TENSOR_MISMATCH', tensor: `${EXPERTS}.down_proj_blocks` },
    ],
    [
      'no scales',
      change('down_proj_scales', () => undefined),
      { code: 'TENSOR_MISSING', tensor: `${EXPERTS}.down_proj_scales` },
    ],
    [
      'blocks of fewer experts than scales',
      change('down_proj_blocks', (blocks) => cut(blocks, 0, 3)),
      { code: 'TENSOR_MISSING', tensor: `${EXPERTS}.down_proj_blocks` },
    ],
    [
      'no biases',
      change('down_proj_bias', () => undefined),
      { code: 'TENSOR_MISSING', tensor: `${EXPERTS}.0.down_proj.bias` },
    ],
    [
      'a scale that is no number',
      change('down_proj_scales', ({ bytes, ...scales }) => ({
        ...scales,
        bytes: bytes.slice().fill(255, 70, 71),
      })),
      { code: 'TENSOR_NOT_FINITE', tensor: `${EXPERTS}.down_proj_scales`, found: 255 },
    ],
    [
      'the same weight in float beside its blocks',
      (own) => {
        const bytes = new Uint8Array(2 * 4 * 32 * 64)
        own.set(`${EXPERTS}.down_proj`, { dtype: 'BF16', shape: [4, 32, 64], bytes })
      },
      { code: 'TENSOR_DUPLICATE', tensor: `${EXPERTS}.down_proj_blocks` },
    ],
    [
      "a name of OpenAI's own files",
      (own) =>
        void own.set('block.0.mlp.mlp1_weight.blocks', { dtype: 'U8', shape: [1], bytes: new Uint8Array(1) }),
      { code: 'LAYOUT_UNSUPPORTED', tensor: 'block.0.mlp.mlp1_weight.blocks' },
    ],
    [
      'a size that blocks do not divide',
      (_, config) => {
        config.intermediate_size = 48
      },
      { code: 'TENSOR_MISMATCH', tensor: 'model.layers.0.mlp.experts.gate_up_proj_blocks' },
    ],
    [
      'a skip list that is none',
      (_, config) => {
        config.quantization_config = { quant_method: 'mxfp4', modules_to_not_convert: 3 }
      },
      { field: 'modules_to_not_convert' },
    ],
  ])('%s', async (name, edit, error) => {
    await expect(AutoModelForCausalLM.fromPretrained(await changed(name, edit))).rejects.toMatchObject(error)
  })
})
