import { CheckpointError, type Dtype, type StoredWeight, type WeightInfo } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import { type RawTensor, readTensors } from '../testing/golden.fixture.js'
import { storedFormat } from './stored-format.js'

const PATH = 'model.layers.0.self_attn.k_proj' // 32 x 64, 4 bits in groups of 64: 32 groups
const weight: WeightInfo = {
  ...{ path: PATH, kind: 'linear', outFeatures: 32, inFeatures: 64, dtype: 'float32' },
}
const golden = await readTensors('tiny-llama-hqq-w4-g64/model.safetensors', `${PATH}.`)

type Tensors = Map<string, RawTensor>
const load = (change: (tensors: Tensors) => void) => {
  const tensors = new Map(golden)
  change(tensors)
  return storedFormat(weight, asStored(tensors))
}

const DTYPES: Readonly<Record<string, Dtype>> = {
  ...{ U8: 'uint8', I32: 'int32', I64: 'int64', F32: 'float32', F16: 'float16' },
}

const asStored = (tensors: Tensors): StoredWeight => ({
  tensors: new Map([...tensors].map(([key, { dtype, shape }]) => [key, { dtype: DTYPES[dtype]!, shape }])),
  read: async (key) => tensors.get(key)!.bytes,
})

const text = (value: string): RawTensor => {
  const bytes = new TextEncoder().encode(value)
  return { dtype: 'U8', shape: [bytes.length], bytes }
}
const integer = (value: number): RawTensor => ({
  ...{ dtype: 'I32', shape: [], bytes: new Uint8Array(Int32Array.of(value).buffer) },
})
const set = (key: string, tensor: RawTensor) => (tensors: Tensors) => void tensors.set(key, tensor)
const remove = (key: string) => (tensors: Tensors) => void tensors.delete(key)
const reshape = (key: string, shape: readonly number[]) => (tensors: Tensors) =>
  void tensors.set(key, { ...tensors.get(key)!, shape })
const poison = (key: string, value: number) => (tensors: Tensors) => {
  const values = new Float32Array(tensors.get(key)!.bytes.slice().buffer)
  values[3] = value
  tensors.set(key, { ...tensors.get(key)!, bytes: new Uint8Array(values.buffer) })
}

describe('a stored layer', () => {
  test('keeps every tensor as a component', async () => {
    const components = (await load(() => {})).components(weight)
    expect(new Set(components.map(({ key }) => key))).toEqual(new Set(golden.keys()))
  })

  test.each(['nbits', 'compute_dtype', 'unpack_view_dtype', 'view_as_float', 'stores_quant_config'])(
    'is read without %s',
    async (key) => {
      const format = await load(remove(key))
      expect(format.components(weight).map((component) => component.key)).not.toContain(key)
    },
  )

  test('may have scale and zero in one tensor, as files of accelerators do', async () => {
    const [scale, zero] = [golden.get('scale')!, golden.get('zero')!]
    const format = await load((tensors) => {
      for (const key of ['scale', 'zero']) tensors.delete(key)
      const bytes = new Uint8Array([...zero.bytes, ...scale.bytes])
      tensors.set('zero_scale', { dtype: 'F32', shape: [2, ...scale.shape], bytes })
    })
    expect(format.hqqLayout.stacked).toBe(true)
  })
})

describe('is refused', () => {
  test.each<[string, string, string, (tensors: Tensors) => void]>([
    ['codes of another shape', 'TENSOR_MISMATCH', 'W_q', reshape('W_q', [32, 32])],
    ['an unknown packing', 'TENSOR_MISMATCH', 'packing', set('packing', text('4bit_i8'))],
    ['a packing that is not that of the codes', 'TENSOR_MISMATCH', 'W_q', set('packing', text('3bit_32'))],
    ['a long packing', 'TENSOR_MISMATCH', 'packing', set('packing', text('4'.repeat(65)))],
    [
      'a compute dtype that is a program',
      'TENSOR_MISMATCH',
      'compute_dtype',
      set('compute_dtype', text('exit()')),
    ],
    ['an axis of 2', 'TENSOR_MISMATCH', 'axis', set('axis', integer(2))],
    ['a group size that does not divide', 'TENSOR_MISMATCH', 'group_size', set('group_size', integer(63))],
    ['a group size of 0', 'TENSOR_MISMATCH', 'group_size', set('group_size', integer(0))],
    ['one row of codes', 'TENSOR_MISMATCH', 'group_size', set('group_size', integer(2048))],
    ['scales of another shape', 'TENSOR_MISMATCH', 'scale', reshape('scale', [1, 32])],
    ['a flag that is a list', 'TENSOR_MISMATCH', 'optimize', reshape('optimize', [1])],
    ['no zero points', 'TENSOR_MISSING', 'zero', remove('zero')],
    ['no shape', 'TENSOR_MISSING', 'shape', remove('shape')],
    ['NaN', 'TENSOR_NOT_FINITE', 'zero', poison('zero', Number.NaN)],
    ['infinity', 'TENSOR_NOT_FINITE', 'scale', poison('scale', -Infinity)],
    ['quantized zero points', 'NESTED_QUANTIZATION', 'zero_q', set('zero_q', integer(0))],
  ])('%s', async (_what, code, key, change) => {
    const error = await load(change).catch((thrown) => thrown)
    expect(CheckpointError.isInstance(error), String(error)).toBe(true)
    expect(error).toMatchObject({ code, tensor: `${PATH}.${key}`, module: PATH })
    expect(error.hint).toBeTruthy()
  })
})
