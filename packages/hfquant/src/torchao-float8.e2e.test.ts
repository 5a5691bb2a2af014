import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TensorWithData, writeSafetensors } from '@hfquant/safetensors'
import { readTensorFile } from '@hfquant/testkit'
import { afterAll, describe, expect, test } from 'vitest'
import { AutoModelForCausalLM } from './index.js'
import { copyModel, tinyLlama } from './testing/tiny-llama.fixture.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-float8-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

const inputIds = [[1, 17, 42, 5, 99, 63, 7, 120]]
const enumeration = (type: string, member: string) => ({ _type: type, _data: member })
const instance = (type: string, data: object = {}) => ({ _type: type, _data: data })

const MM_CONFIG = instance('Float8MMConfig', {
  ...{ emulate: false, use_fast_accum: true, pad_inner_dim: false },
})
/** What a tensor says whose inputs torchao rounds to float8 with one scale. */
const ACTIVATIONS = instance('QuantizeTensorToFloat8Kwargs', {
  float8_dtype: enumeration('torch.dtype', 'float8_e4m3fn'),
  granularity: instance('PerTensor'),
  mm_config: MM_CONFIG,
  ...{ hp_value_lb: null, hp_value_ub: null },
  kernel_preference: enumeration('KernelPreference', 'AUTO'),
})

/** An eight-bit float: sign, four bits of exponent with bias 7, three of mantissa. */
function decode(code: number): number {
  const [sign, exponent, mantissa] = [code & 0x80 ? -1 : 1, (code >> 3) & 15, (code & 7) / 8]
  return sign * (exponent === 0 ? mantissa * 2 ** -6 : (1 + mantissa) * 2 ** (exponent - 7))
}

interface Scheme {
  readonly name: string
  readonly type: string
  readonly shared: boolean
  readonly activations: object | null
}

/** The projections of tiny-llama in float8, and the float32 model that they stand for. */
async function modelsOf({ name, type, shared, activations }: Scheme) {
  const quantization_config = {
    quant_method: 'torchao',
    quant_type: { default: { _type: type, _version: 2, _data: {} } },
  }
  const float8 = await copyModel(tinyLlama('bf16'), join(parent, name), (config) => ({
    ...config,
    quantization_config,
  }))
  const float = await copyModel(tinyLlama('bf16'), join(parent, `${name}-float`))
  const { tensors } = await readTensorFile(join(tinyLlama('bf16'), 'model.safetensors'))
  const documents: Record<string, string> = {}
  const stored: TensorWithData[] = []
  const restored: TensorWithData[] = []
  for (const [tensor, { shape, bytes }] of tensors) {
    if (!tensor.endsWith('_proj.weight')) {
      documents[tensor] = JSON.stringify({ _type: 'Tensor' })
      for (const list of [stored, restored]) list.push({ name: tensor, dtype: 'BF16', shape, data: bytes })
      continue
    }
    const [rows, columns] = shape as [number, number]
    // Up to 0x3f, with either sign: magnitudes below 2.
    const codes = Uint8Array.from({ length: rows * columns }, (_, i) => (i * 89 + rows) & 0xbf)
    const scales = Float32Array.from({ length: shared ? 1 : rows }, (_, row) => 0.04 + row / 4096)
    const values = Float32Array.from(
      codes,
      (code, i) => decode(code) * scales[shared ? 0 : Math.floor(i / columns)]!,
    )
    documents[tensor] = JSON.stringify({
      _type: 'Float8Tensor',
      _data: {
        block_size: [shared ? rows : 1, columns],
        mm_config: MM_CONFIG,
        act_quant_kwargs: activations,
        kernel_preference: enumeration('KernelPreference', 'AUTO'),
        dtype: enumeration('torch.dtype', 'bfloat16'),
      },
      _tensor_data_names: ['qdata', 'scale'],
    })
    const part = tensor.replace(/weight$/, '_weight_')
    stored.push(
      { name: `${part}qdata`, dtype: 'F8_E4M3', shape, data: codes },
      { name: `${part}scale`, dtype: 'F32', shape: [scales.length, 1], data: new Uint8Array(scales.buffer) },
    )
    restored.push({ name: tensor, dtype: 'F32', shape, data: new Uint8Array(values.buffer) })
  }
  const metadata = { ...documents, tensor_names: JSON.stringify([...tensors.keys()]), format: 'pt' }
  await writeSafetensors(join(float8, 'model.safetensors'), stored, { metadata })
  await writeSafetensors(join(float, 'model.safetensors'), restored, { metadata: { format: 'pt' } })
  return { float8, float }
}

const REMARK = expect.stringContaining('activations stay float')

describe.each<Scheme & { readonly warnings: readonly unknown[] }>([
  { name: 'rows', type: 'Float8WeightOnlyConfig', shared: false, activations: null, warnings: [] },
  {
    ...{ name: 'whole', type: 'Float8DynamicActivationFloat8WeightConfig' },
    ...{ shared: true, activations: ACTIVATIONS, warnings: [REMARK] },
  },
])('a checkpoint of $type', ({ warnings, ...scheme }) => {
  test('computes what the float model of its restored weights computes, and is saved as it was', async () => {
    const { float8, float } = await modelsOf(scheme)
    await using model = await AutoModelForCausalLM.fromPretrained(float8, {
      compute: 'exact',
      dtype: 'float32',
    })
    await using wanted = await AutoModelForCausalLM.fromPretrained(float, {
      compute: 'exact',
      dtype: 'float32',
    })
    expect(model.quantization?.method).toBe('torchao')
    expect(model.warnings).toEqual(warnings)
    expect((await model.forward({ inputIds })).logits).toEqual((await wanted.forward({ inputIds })).logits)

    await using kept = await AutoModelForCausalLM.fromPretrained(float8)
    await kept.savePretrained(join(parent, `${scheme.name}-saved`))
    const [before, after] = await Promise.all(
      [float8, `${float8}-saved`].map((folder) => readTensorFile(join(folder, 'model.safetensors'))),
    )
    expect(after!.tensors).toEqual(before!.tensors)
    const blockOf = async (folder: string) =>
      JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')).quantization_config.quant_type.default
        ._type
    expect(await blockOf(`${float8}-saved`)).toBe(scheme.type)
  })
})
