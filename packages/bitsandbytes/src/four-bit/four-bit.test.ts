import { type FloatDtype, PythonFloat, toNode } from '@hfquant/core/runtime'
import { reference, runKernel } from '@hfquant/kernels'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BitsAndBytesConfig } from '../index.js'
import { below, float32, floats, readGolden } from '../testing/golden.fixture.js'
import { loadLinear } from '../testing/load-linear.fixture.js'
import { bytesOf, NESTED_MAP, nestScales, unnestScales } from './nested-scales.js'
import { formatQuantState, quantStateLimit, readQuantState } from './quant-state.js'
import { meanOf } from './scale-mean.js'

// Values of goldens/bitsandbytes/quant_state; its README tells where they come from.

const golden = readGolden('quant_state')
const DTYPES: Readonly<Record<string, FloatDtype>> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' }

const names = [
  'nf4_f32',
  'fp4_bf16',
  'nf4_f16_tail',
  'nf4_const',
  'nf4_zero_row',
  'plain_nf4_bf16',
  'plain_fp4_bf16',
]
const nestedNames = names.filter((name) => golden.has(`${name}.offset`))

function layer(name: string) {
  const own = below(golden, `${name}.`)
  const stateKey = [...own.keys()].find((key) => key.includes('quant_state'))!
  const weight = own.get('input')!
  const [outFeatures, inFeatures] = weight.shape as [number, number]
  const tensors = new Map([...own].filter(([key]) => key.startsWith('weight')))
  const state = readQuantState(own.get(stateKey)!.bytes, stateKey)
  return { own, tensors, stateKey, state, weight, outFeatures, inFeatures, dtype: DTYPES[weight.dtype]! }
}

describe.each(names)('%s', (name) => {
  const { own, tensors, stateKey, state, outFeatures, inFeatures, dtype } = layer(name)
  const shape = { outFeatures, inFeatures, dtype }

  test('the JSON is written as it was read', () => {
    expect(Buffer.from(formatQuantState(state)).toString()).toBe(
      Buffer.from(own.get(stateKey)!.bytes).toString(),
    )
  })

  test('is loaded, unchanged, and has the values of the library', async () => {
    const config = new BitsAndBytesConfig({ loadIn4bit: true })
    const { parts, dequantized, warnings } = await loadLinear({
      tensors,
      config,
      preQuantized: true,
      ...shape,
    })
    expect(warnings).toEqual([])
    for (const [key, { bytes }] of parts) expect(Buffer.compare(bytes, tensors.get(key)!.bytes), key).toBe(0)
    const expected = own.get('dequant')!.bytes
    const rounded = new Uint8Array(expected.byteLength)
    if (dtype === 'float32') rounded.set(bytesOf(dequantized))
    else runKernel('cast', { from: 'float32', to: dtype }, [bytesOf(dequantized)], [rounded])
    expect(unsignedZeros(rounded, dtype)).toEqual(unsignedZeros(expected, dtype))
  })
})

// Nothing is quantized in blocks of another size than 64.
describe.each(names.filter((name) => name !== 'nf4_f16_tail'))('%s', (name) => {
  const { tensors, state, weight, outFeatures, inFeatures, dtype } = layer(name)
  const shape = { outFeatures, inFeatures, dtype }

  test.runIf(state.blockSize === 64)(
    'is made from the float weight, every tensor byte for byte',
    async () => {
      const config = new BitsAndBytesConfig({
        loadIn4bit: true,
        bnb4bitQuantType: state.quantType,
        bnb4bitUseDoubleQuant: state.nestedOffset !== undefined,
      })
      const source = { tensors: new Map([['weight', weight]]), config, preQuantized: false }
      const { parts } = await loadLinear({ ...source, ...shape })
      expect(new Set(parts.keys())).toEqual(new Set(tensors.keys()))
      for (const [key, { bytes, shape: found }] of parts) {
        expect(found, key).toEqual(tensors.get(key)!.shape)
        expect(Buffer.compare(bytes, tensors.get(key)!.bytes), key).toBe(0)
      }
    },
  )
})

test('nf4_f16_tail, in blocks of 128 with a short last one, is made by the kernel', () => {
  const { own, weight, outFeatures, inFeatures, dtype, state } = layer('nf4_f16_tail')
  const [packed, scales] = [new Uint8Array(outFeatures * inFeatures * 0.5), new Float32Array(13)]
  const { quantType, blockSize } = state
  const params = { dtype, rows: outFeatures, columns: inFeatures, quantType, blockSize, profile: 'cpu' }
  runKernel('bnb4Quantize', params, [weight.bytes], [packed, bytesOf(scales)])
  expect(packed).toEqual(own.get('weight')!.bytes)
  expect(bytesOf(scales)).toEqual(own.get('absmax_raw')!.bytes)
})

describe.each([
  [3, 5],
  [7, 33],
  [5, 64],
  [64, 65],
  [600, 10],
])('a weight of %i x %i', (outFeatures, inFeatures) => {
  const values = Float32Array.from({ length: outFeatures * inFeatures }, (_, i) => Math.sin(i * i + 1))
  const weight = float32(values, [outFeatures, inFeatures])

  test.each([false, true])(
    'is made, stored and restored; double quantization: %s',
    async (bnb4bitUseDoubleQuant) => {
      const config = new BitsAndBytesConfig({
        loadIn4bit: true,
        bnb4bitQuantType: 'nf4',
        bnb4bitUseDoubleQuant,
      })
      const made = await loadLinear({
        ...{ tensors: new Map([['weight', weight]]), outFeatures, inFeatures, config, preQuantized: false },
      })
      const packed = new Uint8Array(Math.ceil(values.length / 2))
      const params = {
        rows: outFeatures,
        columns: inFeatures,
        quantType: 'nf4',
        blockSize: 64,
        profile: 'cpu',
      } as const
      const scales = new Uint8Array(Math.ceil(values.length / 64) * 4)
      reference.bnb4Quantize({ ...params, dtype: 'float32' }, [weight.bytes], [packed, scales])
      expect(made.parts.get('weight')!.bytes).toEqual(packed)

      const tensors = new Map(
        [...made.parts].map(([key, part]) => [key, { ...part, dtype: key in FLOAT_KEYS ? 'F32' : 'U8' }]),
      )
      if (!bnb4bitUseDoubleQuant)
        tensors.set('weight.absmax', { ...tensors.get('weight.absmax')!, dtype: 'F32' })
      const restored = await loadLinear({ tensors, outFeatures, inFeatures, config, preQuantized: true })
      expect(restored.dequantized).toEqual(made.dequantized)
      const error = restored.dequantized.map((value, i) => Math.abs(value - values[i]!))
      expect(Math.max(...error)).toBeLessThan(0.16)
    },
  )
})

const FLOAT_KEYS = { 'weight.quant_map': true, 'weight.nested_absmax': true, 'weight.nested_quant_map': true }

/** Bit patterns; the README excepts the sign of zero. */
function unsignedZeros(bytes: Uint8Array, dtype: FloatDtype): number[] {
  const wide = dtype === 'float32'
  const patterns = wide ? new Uint32Array(bytes.slice().buffer) : new Uint16Array(bytes.slice().buffer)
  return Array.from(patterns, (bits) => (bits === (wide ? 0x80000000 : 0x8000) ? 0 : bits))
}

describe.each(nestedNames)('the scales of %s', (name) => {
  const { own } = layer(name)
  const raw = floats(own.get('absmax_raw')!.bytes)
  const offset = floats(own.get('offset')!.bytes)[0]!
  const codes = own.get('weight.absmax')!.bytes

  test('have the mean of the library, and in double precision one within a unit in the last place', () => {
    expect(meanOf(raw, 'cpu')).toBe(offset)
    expect(Math.abs(meanOf(raw, 'cuda') - offset)).toBeLessThanOrEqual(offset * 2 ** -23)
  })

  test('are nested to the codes of each profile, given the offset', () => {
    const cpu = nestScales(raw, 'cpu', offset)
    expect(cpu.codes).toEqual(codes)
    expect(bytesOf(cpu.absMax)).toEqual(own.get('weight.nested_absmax')!.bytes)
    const cuda = nestScales(raw, 'cuda', offset)
    expect(cuda.codes).toEqual(own.get('cuda_absmax_u8')?.bytes ?? codes)
  })

  test('come back as the library has them, whole or any part of them', () => {
    const nested = { codes, absMax: floats(own.get('weight.nested_absmax')!.bytes), offset }
    const expected = floats(own.get('absmax_dequant')!.bytes)
    expect(bytesOf(unnestScales(nested, NESTED_MAP))).toEqual(bytesOf(expected))
    fc.assert(
      fc.property(fc.nat(raw.length - 1), fc.nat(raw.length), (first, wanted) => {
        const count = Math.min(wanted, raw.length - first)
        const part = unnestScales(nested, NESTED_MAP, first, count)
        expect([...part]).toEqual([...expected.subarray(first, first + count)])
      }),
      { numRuns: 30 },
    )
  })
})

describe('the JSON of any offset', () => {
  const state = { quantType: 'nf4', blockSize: 64, dtype: 'bfloat16', shape: [16, 96] } as const

  test('is written as Python prints a float, read back, and no longer than its limit', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (offset) => {
        const bytes = formatQuantState({ ...state, nestedOffset: offset })
        const number = toNode(new PythonFloat(offset))
        expect(Buffer.from(bytes).toString()).toContain(
          `"nested_offset": ${'text' in number ? number.text : ''}}`,
        )
        expect(bytes.byteLength).toBeLessThanOrEqual(quantStateLimit(state, true))
        expect(readQuantState(bytes, 'x').nestedOffset).toBe(offset)
      }),
    )
  })

  test.each([
    [1, '1.0'],
    [5e-5, '4.999999873689376e-05'],
    [0, '0.0'],
  ])('%d', (offset, digits) => {
    const bytes = formatQuantState({ ...state, nestedOffset: Math.fround(offset) })
    expect(Buffer.from(bytes).toString()).toContain(`"nested_offset": ${digits}}`)
  })
})
