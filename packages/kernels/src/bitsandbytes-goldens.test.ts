import { describe, expect, it } from 'vitest'
import { readGoldenFile } from './golden-file.fixture.js'
import { type BnbProfile, FOUR_BIT_CODES, type FourBitType, reference, runKernel } from './index.js'
import { FOUR_BIT_RULES } from './reference/bnb-codes.js'
import { DYNAMIC_BOUNDS, DYNAMIC_MAP } from './reference/dynamic-map.js'
import type { FloatDtype } from './reference/float-formats.js'

// Values of goldens/bitsandbytes; its README tells where they come from and which comparisons are exact.

type Run = (inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]) => void

/** The SIMD kernel and the formula, by name, on the same call. */
function bothWays(kernel: keyof typeof reference, params: Record<string, number | string>): [string, Run][] {
  const formula = reference[kernel] as (params: never, ...rest: Parameters<Run>) => unknown
  return [
    ['kernel', (inputs, outputs) => void runKernel(kernel, params, inputs, outputs)],
    ['formula', (inputs, outputs) => void formula(params as never, inputs, outputs)],
  ]
}

/** Bit patterns with every NaN alike, and -0 as 0 where the README excepts the sign of zero. */
function floatBits(bytes: Uint8Array, dtype: FloatDtype, signOfZero: 'counts' | 'excepted'): number[] {
  const wide = dtype === 'float32'
  const patterns = wide ? new Uint32Array(bytes.slice().buffer) : new Uint16Array(bytes.slice().buffer)
  const sign = wide ? 0x80000000 : 0x8000
  const infinity = { float32: 0x7f800000, bfloat16: 0x7f80, float16: 0x7c00 }[dtype]
  return Array.from(patterns, (bits) => {
    if ((bits & (sign - 1)) > infinity) return infinity + 1
    return bits === sign && signOfZero === 'excepted' ? 0 : bits
  })
}

function expectSameBytes(found: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.compare(found, expected) !== 0) expect(found, what).toEqual(expected)
}

const SHORT = { float32: 'f32', bfloat16: 'bf16', float16: 'f16' } as const

function expectQuantized(
  input: Uint8Array,
  params: {
    dtype: FloatDtype
    quantType: FourBitType
    blockSize: number
    profile: BnbProfile
    count: number
  },
  expected: { packed: Uint8Array; absMax?: Uint8Array },
  what: string,
): void {
  const { count, ...rest } = params
  for (const [name, run] of bothWays('bnb4Quantize', { ...rest, rows: 1, columns: count })) {
    const packed = new Uint8Array(Math.ceil(count / 2)).fill(0xa5)
    const absMax = new Uint8Array(Math.ceil(count / params.blockSize) * 4)
    run([input], [packed, absMax])
    expectSameBytes(packed, expected.packed, `${what}, packed, ${name}`)
    if (expected.absMax === undefined) continue
    expect(floatBits(absMax, 'float32', 'counts'), `${what}, absmax, ${name}`).toEqual(
      floatBits(expected.absMax, 'float32', 'counts'),
    )
  }
}

function expectDequantized(
  stored: readonly [packed: Uint8Array, absMax: Uint8Array],
  params: { dtype: FloatDtype; quantType: FourBitType; blockSize: number; count: number },
  expected: Uint8Array,
  what: string,
): void {
  const { count, ...rest } = params
  for (const [name, run] of bothWays('bnb4Dequantize', { ...rest, rows: 1, columns: count })) {
    const values = new Uint8Array(expected.byteLength)
    run(stored, [values])
    const found = floatBits(values, params.dtype, 'excepted')
    expect(found, `${what}, ${params.dtype}, ${name}`).toEqual(floatBits(expected, params.dtype, 'excepted'))
  }
}

describe('tables', () => {
  const golden = readGoldenFile('bitsandbytes/tables')

  it.each(['nf4', 'fp4'] as const)('%s codes', (type) => {
    expect([...FOUR_BIT_CODES[type]]).toEqual([...golden.float32(`${type}.code`)])
  })

  it('decision bounds and orders', () => {
    expect([...FOUR_BIT_RULES.nf4.cpu.bounds]).toEqual([...golden.float32('nf4.thresholds')])
    expect([...FOUR_BIT_RULES.fp4.cpu.bounds]).toEqual([...golden.float32('fp4.cpu.bounds')])
    const order = new Int32Array(golden.bytes('fp4.cpu.order').buffer)
    expect([...FOUR_BIT_RULES.fp4.cpu.nibbles]).toEqual([...order])
    const magnitudes = golden.float32('fp4.cuda.magnitude_thresholds')
    expect([...FOUR_BIT_RULES.fp4.cuda.bounds.slice(8)]).toEqual([...magnitudes])
    expect([...FOUR_BIT_RULES.fp4.cuda.nibbles.slice(8)]).toEqual([
      ...golden.bytes('fp4.cuda.magnitude_nibbles'),
    ])
  })

  it('dynamic map and its midpoints', () => {
    expect([...DYNAMIC_MAP]).toEqual([...golden.float32('dynamic.code')])
    expect([...DYNAMIC_BOUNDS]).toEqual([...golden.float32('dynamic.midpoints')])
  })
})

describe('four bits, float32', () => {
  const golden = readGoldenFile('bitsandbytes/quant4')
  const cases = golden.names.flatMap((name) => {
    const found = /^(?!lengths)(.+)\.(nf4|fp4)\.bs(\d+)\.packed$/.exec(name)
    return found === null
      ? []
      : [{ input: found[1]!, quantType: found[2] as FourBitType, blockSize: Number(found[3]) }]
  })

  it('has every case of the README', () => {
    expect(cases).toHaveLength(2 * (8 + 3 + 2 + 1 + 1) + 2)
  })

  it.each(cases)('$input $quantType $blockSize', ({ input, quantType, blockSize }) => {
    const name = `${input}.${quantType}.bs${blockSize}`
    const weight = golden.bytes(`${input}.input`)
    const count = weight.byteLength / 4
    const packed = golden.bytes(`${name}.packed`)
    const absMax = golden.bytes(`${name}.absmax`)
    const shared = { quantType, blockSize, count }
    expectQuantized(weight, { ...shared, dtype: 'float32', profile: 'cpu' }, { packed, absMax }, name)

    const cuda = {
      packed: golden.has(`${name}.cuda_packed`) ? golden.bytes(`${name}.cuda_packed`) : packed,
      absMax: golden.has(`${name}.cuda_absmax`) ? golden.bytes(`${name}.cuda_absmax`) : absMax,
    }
    expectQuantized(weight, { ...shared, dtype: 'float32', profile: 'cuda' }, cuda, `${name} cuda`)

    for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
      const tensor = `${name}.dequant_${SHORT[dtype]}`
      if (!golden.has(tensor)) continue
      expectDequantized([packed, absMax], { ...shared, dtype }, golden.bytes(tensor), name)
    }
  })

  const lengths = golden.names.flatMap((name) => {
    const found = /^lengths\.(nf4|fp4)\.bs64\.n(\d+)\.packed$/.exec(name)
    return found === null ? [] : [{ quantType: found[1] as FourBitType, count: Number(found[2]) }]
  })

  it.each(lengths)('$count elements of $quantType', ({ quantType, count }) => {
    const name = `lengths.${quantType}.bs64.n${count}`
    const weight = golden.bytes('lengths.input').subarray(0, count * 4)
    const absMax = golden.has(`${name}.absmax`) ? { absMax: golden.bytes(`${name}.absmax`) } : {}
    const params = { dtype: 'float32', quantType, blockSize: 64, count, profile: 'cpu' } as const
    expectQuantized(weight, params, { packed: golden.bytes(`${name}.packed`), ...absMax }, name)
  })
})

describe('four bits, 16-bit floats and other storage', () => {
  const golden = readGoldenFile('bitsandbytes/quant4_dtypes')

  it.each([
    ['bf16', 'bfloat16', 'nf4'],
    ['bf16', 'bfloat16', 'fp4'],
    ['f16', 'float16', 'nf4'],
    ['f16', 'float16', 'fp4'],
  ] as const)('%s %s %s', (short, dtype, quantType) => {
    const weight = golden.bytes(`${short}.input`)
    const name = golden.names.find(
      (tensor) => tensor.startsWith(`${short}.${quantType}`) && tensor.endsWith('packed'),
    )!
    const packed = golden.bytes(name)
    const absMax = golden.bytes(name.replace('packed', 'absmax'))
    const params = { dtype, quantType, blockSize: 64, count: weight.byteLength / 2 }
    expectQuantized(weight, { ...params, profile: 'cpu' }, { packed, absMax }, name)
    const dequantized = golden.names.find((tensor) => tensor.startsWith(name.replace('packed', 'dequant')))!
    expectDequantized([packed, absMax], params, golden.bytes(dequantized), name)
  })

  it('the bytes do not depend on the storage dtype', () => {
    const packed = golden.bytes('storage.nf4.bs64.packed_u8')
    const params = { dtype: 'float32', quantType: 'nf4', blockSize: 64, count: 4096, profile: 'cpu' } as const
    expectQuantized(golden.bytes('storage.input'), params, { packed }, 'storage')
    for (const other of ['bf16', 'f16', 'f32'])
      expect(golden.bytes(`storage.nf4.bs64.packed_${other}`)).toEqual(packed)
  })
})

describe('blockwise 8 bits', () => {
  const golden = readGoldenFile('bitsandbytes/blockwise8')
  const cases = golden.names.flatMap((name) => {
    const found = /^(.+)\.bs(\d+)\.cpu_codes$/.exec(name)
    return found === null ? [] : [{ input: found[1]!, blockSize: Number(found[2]) }]
  })

  it.each(cases)('$input $blockSize', ({ input, blockSize }) => {
    const name = `${input}.bs${blockSize}`
    const source = golden.bytes(`${input}.input`)
    const count = source.byteLength / 4
    const absMax = golden.bytes(`${name}.absmax`)
    for (const [profile, short] of [
      ['cpu', 'cpu'],
      ['cuda', 'cuda'],
      ['operators', 'default'],
    ] as const) {
      const scales = short === 'default' && golden.has(`${name}.default_absmax`)
      const expected = scales ? golden.bytes(`${name}.default_absmax`) : absMax
      for (const [way, run] of bothWays('bnb8Quantize', { count, blockSize, profile })) {
        const [codes, found] = [new Uint8Array(count), new Uint8Array(absMax.byteLength)]
        run([source], [codes, found])
        expectSameBytes(codes, golden.bytes(`${name}.${short}_codes`), `${name} ${profile} ${way}`)
        expectSameBytes(found, expected, `${name} absmax ${profile} ${way}`)
      }
    }
    for (const [way, run] of bothWays('bnb8Dequantize', { count, blockSize })) {
      const values = new Uint8Array(count * 4)
      run([golden.bytes(`${name}.cpu_codes`), absMax, golden.bytes('code')], [values])
      expectSameBytes(values, golden.bytes(`${name}.cpu_dequant_f32`), `${name} ${way}`)
    }
  })
})

describe('LLM.int8() weights', () => {
  const golden = readGoldenFile('bitsandbytes/int8')

  it.each([
    ['w_f32', 'float32'],
    ['w_bf16', 'bfloat16'],
    ['w_f16_odd', 'float16'],
    ['ties', 'float32'],
  ] as const)('%s', (name, dtype) => {
    const [rows, columns] = golden.shape(`${name}.weight`) as [number, number]
    const stored = [golden.bytes(`${name}.weight`), golden.bytes(`${name}.SCB`)]
    for (const [way, run] of bothWays('llmInt8Quantize', { dtype, rows, columns })) {
      const outputs = stored.map((bytes) => new Uint8Array(bytes.byteLength).fill(0xa5))
      run([golden.bytes(`${name}.input`)], outputs)
      expectSameBytes(outputs[0]!, stored[0]!, `${name} codes ${way}`)
      expectSameBytes(outputs[1]!, stored[1]!, `${name} SCB ${way}`)
    }
    for (const [way, run] of bothWays('llmInt8Dequantize', { dtype: 'float32', rows, columns })) {
      const values = new Uint8Array(rows * columns * 4)
      run(stored, [values])
      expectSameBytes(values, golden.bytes(`${name}.dequant_f32`), `${name} dequantized ${way}`)
    }
  })
})
