import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  blockBytes,
  blockIntegers,
  blockScales,
  blockValues,
  dequantizeBlocks,
  type GgufBlockType,
  ggufBlockTypes,
  integersOf,
  isIntegerType,
} from '../index.js'

// Random codes of every type with what gguf-py makes of them; see goldens/gguf/README.md.
const file = readFileSync(new URL('../../../../goldens/gguf/blocks.safetensors', import.meta.url))
const start = 8 + Number(file.readBigUInt64LE(0))
const header = JSON.parse(file.toString('utf8', 8, start)) as Record<
  string,
  { data_offsets: [number, number] } | undefined
>

function golden(name: string): Uint8Array<ArrayBuffer> {
  const [from, to] = header[name]?.data_offsets ?? [0, 0]
  return new Uint8Array(file.subarray(start + from, start + to))
}

describe('a block of every type', () => {
  const types = ggufBlockTypes.filter((type) => type !== 'F32')

  it.each(types)('%s: the same bits as gguf-py', (type) => {
    const blocks = golden(`${type}/bytes`)
    const expected = new Uint32Array(golden(`${type}/values`).buffer)

    const values = dequantizeBlocks(type, blocks)

    expect(blocks.byteLength).toBeGreaterThan(0)
    expect(values.length).toBe((blocks.byteLength / blockBytes(type)) * blockValues(type))
    expect(new Uint32Array(values.buffer)).toEqual(expected)
  })

  it('are all in the golden file', () => {
    const named = new Set(Object.keys(header).map((name) => name.split('/')[0]))
    named.delete('__metadata__')
    expect([...named].sort()).toEqual([...types].sort())
  })
})

describe('the integers of a block', () => {
  const types = ggufBlockTypes.filter(isIntegerType)

  it.each(types)('%s: reach both ends of their range, and groups have scales', (type) => {
    const blocks = golden(`${type}/bytes`)
    const { range, groupSize, hasLeast } = integersOf(type)

    const integers = blockIntegers(type, blocks)
    const { steps, leasts } = blockScales(type, blocks)

    expect([Math.min(...integers), Math.max(...integers)]).toEqual(range)
    expect([steps.length, leasts.length]).toEqual(Array(2).fill(integers.length / groupSize))
    expect(leasts.some((least) => least !== 0)).toBe(hasLeast)
  })

  it('are refused where the target has room for others', () => {
    expect(() => blockIntegers('Q4_0', new Uint8Array(36), new Int8Array(32))).toThrow(
      /36 bytes of Q4_0 are 64 values, the target has 32/,
    )
  })
})

it('F32 is copied, a NaN to the bit', () => {
  const bits = Uint32Array.of(0x3f800000, 0x7fa00001, 0x80000000)
  const values = dequantizeBlocks('F32', new Uint8Array(bits.buffer))
  expect(new Uint32Array(values.buffer)).toEqual(bits)
})

it('MXFP4 reaches below the normal numbers of float32', () => {
  const block = new Uint8Array(17).fill(0x17, 1)
  const scaled = (exponent: number) =>
    dequantizeBlocks('MXFP4', Uint8Array.of(exponent, ...block.subarray(1)))

  expect([scaled(0)[0], scaled(1)[0], scaled(0)[16]]).toEqual([12 * 2 ** -128, 12 * 2 ** -127, 2 ** -128])
})

it('writes where the caller wants it, from blocks at odd positions', () => {
  const blocks = golden('Q4_K/bytes').subarray(0, 144)
  const shifted = new Uint8Array(145)
  shifted.set(blocks, 1)
  const target = new Float32Array(300)

  dequantizeBlocks('Q4_K', shifted.subarray(1), target.subarray(20, 276))

  expect(target.subarray(20, 276)).toEqual(dequantizeBlocks('Q4_K', blocks))
  expect([...target.subarray(0, 20), ...target.subarray(276)].every((value) => value === 0)).toBe(true)
})

it.each([
  ['a part of a block', 'Q6_K', 209, 256, /209 bytes are no whole number of Q6_K blocks of 210 bytes/],
  ['too few values', 'Q8_0', 68, 32, /68 bytes of Q8_0 are 64 values, the target has 32/],
] as const)('refuses %s', (_, type: GgufBlockType, bytes, count, message) => {
  expect(() => dequantizeBlocks(type, new Uint8Array(bytes), new Float32Array(count))).toThrow(
    expect.objectContaining({ code: 'GGUF_BLOCKS_LENGTH', message: expect.stringMatching(message) }),
  )
})
