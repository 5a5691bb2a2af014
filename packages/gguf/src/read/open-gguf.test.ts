import { readSync } from 'node:fs'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { info, pair, type RawGguf, rawGguf, text, u32, u64, withFolder } from '../../attacks/raw-gguf.js'
import { type GgufFile, openGguf } from '../index.js'

const ramp = (length: number, from = 0) => Uint8Array.from({ length }, (_, index) => from + index)

async function withGguf(raw: RawGguf, action: (file: GgufFile, path: string) => Promise<void>) {
  await withFolder(async (folder) => {
    const path = join(folder, 'model.gguf')
    await writeFile(path, rawGguf(raw))
    await using file = await openGguf(path)
    await action(file, path)
  })
}

describe('metadata', () => {
  it('has every type of the format', () =>
    withGguf(
      {
        pairs: [
          pair('u8', 0, Uint8Array.of(255)),
          pair('i8', 1, Uint8Array.of(255)),
          pair('u16', 2, Uint8Array.of(254, 255)),
          pair('i16', 3, Uint8Array.of(254, 255)),
          pair('u32', 4, u32(2 ** 32 - 1)),
          pair('i32', 5, u32(2 ** 32 - 1)),
          pair('f32', 6, new Uint8Array(Float32Array.of(0.1).buffer)),
          pair('bool', 7, Uint8Array.of(1)),
          pair('string', 8, text('Grüße')),
          pair('u64', 10, u64(2n ** 64n - 1n)),
          pair('i64', 11, u64(2n ** 64n - 1n)),
          pair('f64', 12, new Uint8Array(Float64Array.of(0.1).buffer)),
        ],
      },
      async ({ metadata }) => {
        expect([...metadata]).toEqual([
          ['u8', { type: 'u8', value: 255 }],
          ['i8', { type: 'i8', value: -1 }],
          ['u16', { type: 'u16', value: 65_534 }],
          ['i16', { type: 'i16', value: -2 }],
          ['u32', { type: 'u32', value: 4_294_967_295 }],
          ['i32', { type: 'i32', value: -1 }],
          ['f32', { type: 'f32', value: Math.fround(0.1) }],
          ['bool', { type: 'bool', value: true }],
          ['string', { type: 'string', value: 'Grüße' }],
          ['u64', { type: 'u64', value: 18_446_744_073_709_551_615n }],
          ['i64', { type: 'i64', value: -1n }],
          ['f64', { type: 'f64', value: 0.1 }],
        ])
      },
    ))

  it('has arrays of numbers as typed arrays, and of booleans as bytes', () =>
    withGguf(
      {
        pairs: [
          pair('i32s', 9, u32(5), u64(2), u32(7), u32(2 ** 32 - 1)),
          pair('bools', 9, u32(7), u64(3), Uint8Array.of(1, 0, 1)),
          pair('none', 9, u32(8), u64(0)),
        ],
      },
      async ({ metadata }) => {
        expect(metadata.get('i32s')).toEqual({ type: 'array', of: 'i32', values: Int32Array.of(7, -1) })
        expect(metadata.get('bools')).toEqual({ type: 'array', of: 'bool', values: Uint8Array.of(1, 0, 1) })
        expect(metadata.get('none')).toMatchObject({ type: 'array', of: 'string', values: { length: 0 } })
      },
    ))

  it('has strings of arrays as bytes, of which those that are no UTF-8 are refused only as text', () =>
    withGguf(
      { pairs: [pair('tokens', 9, u32(8), u64(3), text('▁a'), text(Uint8Array.of(0xe2, 0x96)), text(''))] },
      async ({ metadata, path }) => {
        const tokens = metadata.get('tokens')
        if (tokens?.type !== 'array' || tokens.of !== 'string') throw new TypeError('no strings')
        const { values } = tokens

        expect([values.text(0), values.text(2), values.text(3)]).toEqual(['▁a', '', undefined])
        expect([values.bytes(1), values.bytes(3)]).toEqual([Uint8Array.of(0xe2, 0x96), undefined])
        expect(() => values.text(1)).toThrow(
          expect.objectContaining({
            code: 'GGUF_BAD_TEXT',
            key: 'tokens',
            message: `${path}: element 1 of "tokens" is no UTF-8 text`,
          }),
        )
      },
    ))

  it('may be longer than what is read at first', () => {
    const tokens = Array.from({ length: 120_000 }, (_, index) => `<token ${index}>`)
    return withGguf(
      { pairs: [pair('tokens', 9, u32(8), u64(tokens.length), Buffer.concat(tokens.map(text)))] },
      async ({ metadata, byteLength }) => {
        const found = metadata.get('tokens')
        if (found?.type !== 'array' || found.of !== 'string') throw new TypeError('no strings')

        expect(byteLength).toBeGreaterThan(2 ** 21)
        expect(found.values.text(119_999)).toBe('<token 119999>')
      },
    )
  })
})

/** "m" is F16 [3, 2], "q" Q4_0 [2, 32], "v" Q4_0 [64], "s" a scalar, "e" has no rows; the table is in another order than the data. */
const SAMPLE: RawGguf = {
  version: 2,
  pairs: [pair('general.alignment', 4, u32(64))],
  infos: [
    info('q', 2, [2, 32], 64),
    info('m', 1, [3, 2]),
    info('v', 2, [64], 128),
    info('s', 0, [], 192),
    info('e', 0, [0, 4], 192),
  ],
  alignment: 64,
  data: ramp(200),
}

describe('tensors', () => {
  it('are listed in the order of the table, with sizes as PyTorch has them', () =>
    withGguf(SAMPLE, async ({ version, alignment, dataOffset, tensors }) => {
      expect({ version, alignment, rest: dataOffset % 64 }).toEqual({ version: 2, alignment: 64, rest: 0 })
      expect([...tensors.keys()]).toEqual(['q', 'm', 'v', 's', 'e'])
      expect(tensors.get('q')).toEqual({
        name: 'q',
        type: 'Q4_0',
        shape: [2, 32],
        byteOffset: dataOffset + 64,
        byteLength: 36,
      })
    }))

  it('are read whole, by rows and by bytes', () =>
    withGguf(SAMPLE, async (file) => {
      expect(await file.read('q')).toEqual(ramp(36, 64))
      expect(await file.read('q', { rows: [1, 2] })).toEqual(ramp(18, 82))
      expect(await file.read('v', { rows: [32, 64] })).toEqual(ramp(18, 146))
      expect(await file.read('m', { rows: [1, 3] })).toEqual(ramp(8, 4))
      expect(await file.read('m', { bytes: [3, 5] })).toEqual(Uint8Array.of(3, 4))
      expect(await file.read('s')).toEqual(ramp(4, 192))
      expect(await file.read('e')).toEqual(new Uint8Array())
    }))

  it('are streamed in pieces, the last one shorter', () =>
    withGguf(SAMPLE, async (file) => {
      const pieces: number[][] = []
      for await (const piece of file.stream('m', { chunkBytes: 5 })) pieces.push([...piece])
      expect(pieces).toEqual([
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
        [10, 11],
      ])
    }))

  it('can be read by position, from any thread', () =>
    withGguf(SAMPLE, async (file) => {
      const bytes = new Uint8Array(2)
      readSync(file.fd, bytes, 0, 2, file.tensors.get('q')!.byteOffset + 7)
      expect([...bytes]).toEqual([71, 72])
    }))

  it.each([
    ['rows past the end', 'm', { rows: [0, 4] }, 'GGUF_RANGE', /has 3 rows; \[0, 4\)/],
    ['half a row', 'm', { rows: [0, 1.5] }, 'GGUF_RANGE', /\[0, 1.5\)/],
    ['rows of a scalar', 's', { rows: [0, 1] }, 'GGUF_RANGE', /is a scalar/],
    ['bytes past the end', 'q', { bytes: [0, 37] }, 'GGUF_RANGE', /has 36 bytes/],
    ['rows and bytes', 'q', { rows: [0, 1], bytes: [0, 1] }, 'GGUF_RANGE', /at once/],
    ['a part of a block', 'v', { rows: [0, 16] }, 'GGUF_ROW_NOT_WHOLE_BLOCKS', /blocks of 32 values/],
    ['another name', 'x', {}, 'TENSOR_MISSING', /"x" is not in the file/],
  ] as const)('are not read for %s', (_, tensor, range, code, message) =>
    withGguf(SAMPLE, async (file, path) => {
      await expect(file.read(tensor, range)).rejects.toMatchObject({ code, message, tensor, file: path })
    }),
  )

  it('are not read after close(), by an aborted signal, or from a file that became shorter', () =>
    withGguf(SAMPLE, async (file, path) => {
      const signal = AbortSignal.abort(new Error('enough'))
      await expect(file.read('q', { signal })).rejects.toThrow('enough')
      await truncate(path, file.dataOffset + 70)
      await expect(file.read('q')).rejects.toMatchObject({
        code: 'GGUF_TRUNCATED',
        hint: /became shorter/,
      })
      await file.close()
      await expect(file.read('q')).rejects.toMatchObject({ code: 'GGUF_CLOSED' })
      expect(() => file.fd).toThrow(expect.objectContaining({ code: 'GGUF_CLOSED' }))
    }))
})

it('reads what another program wrote', async () => {
  const golden = fileURLToPath(
    new URL('../../../../goldens/gguf/tiny-qwen2-mixed/model.gguf', import.meta.url),
  )
  await using file = await openGguf(golden)
  const types = [...file.tensors.values()].map(({ type }) => type)

  expect(file.version).toBe(3)
  expect(file.metadata.get('general.architecture')).toEqual({ type: 'string', value: 'qwen2' })
  expect([...new Set(types)].sort()).toEqual(
    ['BF16', 'F16', 'F32', 'IQ4_NL', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0'].sort(),
  )
  const { byteOffset, byteLength } = [...file.tensors.values()].at(-1)!
  expect(file.byteLength - byteOffset - byteLength).toBeLessThan(32)
})
