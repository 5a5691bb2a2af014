import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dict, integer, pickle, storage, tensor, text } from '../../attacks/build-pickle.js'
import { buildCheckpoint } from '../../attacks/build-zip.js'
import { withFile } from '../../attacks/temporary-file.js'
import { openTorchFile, type TorchTensor } from '../index.js'

const storages = { CharStorage: 1, ShortStorage: 2, FloatStorage: 4, LongStorage: 8 } as const
type Storage = keyof typeof storages

interface View {
  readonly type: Storage
  readonly shape: readonly number[]
  readonly stride: readonly number[]
  readonly offset: number
}

/** The definition: element i of the result is the one at offset + Σ index · stride. */
function reference(bytes: Uint8Array, { type, shape, stride, offset }: View): Uint8Array {
  const itemBytes = storages[type]
  const elements = shape.reduce((product, size) => product * size, 1)
  const result = new Uint8Array(elements * itemBytes)
  for (let element = 0; element < elements; element++) {
    let rest = element
    let from = offset
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += (rest % shape[axis]!) * stride[axis]!
      rest = Math.floor(rest / shape[axis]!)
    }
    result.set(bytes.subarray(from * itemBytes, (from + 1) * itemBytes), element * itemBytes)
  }
  return result
}

function withView<T>(
  bytes: Uint8Array,
  { type, shape, stride, offset }: View,
  run: (found: TorchTensor) => Promise<T>,
): Promise<T> {
  const used = storage(type, '0', integer(bytes.byteLength / storages[type]))
  const code = dict(text('w'), tensor({ storage: used, shape, stride, offset: integer(offset) }))
  return withFile(buildCheckpoint(pickle(code), { 0: bytes }), async (path) => {
    await using file = await openTorchFile(path)
    return await run(file.entries.get('w') as TorchTensor)
  })
}

const pattern = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 167 + (index >> 8)) % 256)

const view: fc.Arbitrary<View> = fc
  .record({
    type: fc.constantFrom(...(Object.keys(storages) as Storage[])),
    offset: fc.nat(5),
    axes: fc.array(fc.tuple(fc.nat(5), fc.nat(9)), { maxLength: 4 }),
  })
  .map(({ axes, ...rest }) => ({
    ...rest,
    shape: axes.map(([size]) => size),
    stride: axes.map(([, step]) => step),
  }))

describe('a strided tensor', () => {
  it('reads as its definition says, whole, in rows, in bytes and in pieces', () =>
    fc.assert(
      fc.asyncProperty(
        view,
        fc.nat(40),
        fc.nat(40),
        fc.integer({ min: 1, max: 20 }),
        async (used, a, b, chunkBytes) => {
          const bytes = pattern(8 * 150)
          const expected = reference(bytes, used)
          await withView(bytes, used, async (found) => {
            const { file } = found
            expect(await file.read(found)).toEqual(expected)
            const start = Math.min(a, b, expected.byteLength)
            const end = Math.min(Math.max(a, b), expected.byteLength)
            expect(await file.read(found, { bytes: [start, end] })).toEqual(expected.slice(start, end))
            const pieces: number[] = []
            for await (const piece of file.stream(found, { chunkBytes })) pieces.push(...piece)
            expect(pieces).toEqual([...expected])
          })
        },
      ),
      { numRuns: 150 },
    ))

  it.each<[string, View]>([
    [
      'a transposed matrix of several windows',
      { type: 'ShortStorage', shape: [1500, 2001], stride: [1, 1500], offset: 0 },
    ],
    ['a column far apart', { type: 'ShortStorage', shape: [3, 2], stride: [1_000_000, 999_999], offset: 0 }],
    ['a permuted block', { type: 'LongStorage', shape: [90, 80, 100], stride: [1, 9000, 90], offset: 7 }],
  ])('reads across windows: %s', (_, used) => {
    const bytes = pattern(6_500_000 - (6_500_000 % 8))
    return withView(bytes, used, async (found) => {
      const expected = reference(bytes, used)
      expect(Buffer.compare(await found.file.read(found), expected)).toBe(0)
      const pieces: Uint8Array[] = []
      for await (const piece of found.file.stream(found, { chunkBytes: 700_001 })) pieces.push(piece)
      expect(Buffer.compare(Buffer.concat(pieces), expected)).toBe(0)
    })
  })

  it('refuses one that overlaps itself over more than fits in memory at once', async () => {
    const used: View = { type: 'ShortStorage', shape: [2, 2], stride: [3_000_000, 3_000_000], offset: 0 }
    const bytes = new Uint8Array(12_000_008)
    await expect(withView(bytes, used, async () => {})).rejects.toMatchObject({
      code: 'TENSOR_LAYOUT',
      message: /overlaps itself over 12000002 bytes/,
    })
  })
})
