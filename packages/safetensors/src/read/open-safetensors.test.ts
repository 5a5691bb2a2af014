import { readSync } from 'node:fs'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { rawFile, withFolder } from '../../attacks/raw-file.js'
import { openSafetensors, type SafetensorsFile, writeSafetensors } from '../index.js'

const ramp = (length: number) => Uint8Array.from({ length }, (_, index) => index)

/** "m" is U16 [3, 2] with bytes 0 to 11, "q" is F4 [2, 3] with bytes 0 to 2, "s" a scalar, "e" has empty rows. */
async function withSample(action: (file: SafetensorsFile, path: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, 'sample.safetensors')
    await writeSafetensors(
      path,
      [
        { name: 'm', dtype: 'U16', shape: [3, 2], data: ramp(12) },
        { name: 'q', dtype: 'F4', shape: [2, 3], data: ramp(3) },
        { name: 's', dtype: 'F32', shape: [], data: ramp(4) },
        { name: 'e', dtype: 'F32', shape: [4, 0], data: ramp(0) },
      ],
      { metadata: { format: 'pt' } },
    )
    await using file = await openSafetensors(path)
    await action(file, path)
  })
}

const collect = async (pieces: AsyncIterable<Uint8Array>): Promise<number[][]> => {
  const all: number[][] = []
  for await (const piece of pieces) all.push([...piece])
  return all
}

describe('openSafetensors', () => {
  it('lists what is in the file', () =>
    withSample(async (file) => {
      expect(file.metadata).toEqual({ format: 'pt' })
      expect([...file.tensors.keys()]).toEqual(['e', 's', 'm', 'q'])
      expect(file.tensors.get('m')).toMatchObject({ dtype: 'U16', shape: [3, 2], byteLength: 12 })
    }))

  it('reads whole tensors, rows and bytes', () =>
    withSample(async (file) => {
      expect(await file.read('m')).toEqual(ramp(12))
      expect(await file.read('m', { rows: [1, 3] })).toEqual(ramp(12).slice(4))
      expect(await file.read('m', { rows: [3, 3] })).toEqual(new Uint8Array())
      expect(await file.read('m', { bytes: [3, 5] })).toEqual(Uint8Array.of(3, 4))
      expect(await file.read('s')).toEqual(ramp(4))
      expect(await file.read('e', { rows: [1, 4] })).toEqual(new Uint8Array())
    }))

  it('gives memory that can be viewed as any type', () =>
    withSample(async (file) => {
      const bytes = await file.read('s')
      expect([bytes.byteOffset, bytes.buffer.byteLength]).toEqual([0, 4])
    }))

  it('streams in pieces, the last one shorter', () =>
    withSample(async (file) => {
      expect(await collect(file.stream('m', { chunkBytes: 5 }))).toEqual([
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
        [10, 11],
      ])
      expect(await collect(file.stream('m', { rows: [1, 2] }))).toEqual([[4, 5, 6, 7]])
      expect(await collect(file.stream('e'))).toEqual([])
    }))

  it('offers a descriptor for reads by position', () =>
    withSample(async (file) => {
      const bytes = new Uint8Array(2)
      readSync(file.fd, bytes, 0, 2, file.tensors.get('m')!.byteOffset + 7)
      expect([...bytes]).toEqual([7, 8])
    }))

  it.each([
    ['rows past the end', 'm', { rows: [0, 4] }, 'SAFETENSORS_RANGE', /has 3 rows; \[0, 4\)/],
    ['rows in the wrong order', 'm', { rows: [2, 1] }, 'SAFETENSORS_RANGE', /\[2, 1\)/],
    ['negative rows', 'm', { rows: [-1, 1] }, 'SAFETENSORS_RANGE', /\[-1, 1\)/],
    ['half a row', 'm', { rows: [0, 0.5] }, 'SAFETENSORS_RANGE', /\[0, 0.5\)/],
    ['rows of a scalar', 's', { rows: [0, 1] }, 'SAFETENSORS_RANGE', /scalar/],
    ['bytes past the end', 'm', { bytes: [0, 13] }, 'SAFETENSORS_RANGE', /has 12 bytes/],
    ['rows and bytes at once', 'm', { rows: [0, 1], bytes: [0, 1] }, 'SAFETENSORS_RANGE', /choose one/],
    [
      'a row that ends inside a byte',
      'q',
      { rows: [0, 1] },
      'SAFETENSORS_ROW_NOT_BYTE_ALIGNED',
      /F4 .*\[2, 3\]/,
    ],
    ['an unknown tensor', 'x', {}, 'TENSOR_MISSING', /"x" is not in/],
    ['a name from the prototype', 'toString', {}, 'TENSOR_MISSING', /"toString" is not in/],
  ] as const)('refuses %s', (_, tensor, options, code, message) =>
    withSample(async (file, path) => {
      await expect(file.read(tensor, options)).rejects.toMatchObject({ code, tensor, file: path, message })
      await expect(collect(file.stream(tensor, options))).rejects.toMatchObject({ code, tensor, message })
    }),
  )

  it('refuses a piece length that never ends', () =>
    withSample(async (file) => {
      await expect(collect(file.stream('m', { chunkBytes: 0 }))).rejects.toMatchObject({
        code: 'SAFETENSORS_RANGE',
      })
    }))

  it('stops when the signal is aborted, before and during a stream', () =>
    withSample(async (file) => {
      const reason = new Error('enough')
      await expect(file.read('m', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)

      const controller = new AbortController()
      const stream = file.stream('m', { chunkBytes: 4, signal: controller.signal })
      await stream.next()
      controller.abort(reason)
      await expect(stream.next()).rejects.toBe(reason)
    }))

  it('refuses use after close, and closes twice without complaint', () =>
    withSample(async (file, path) => {
      const stream = file.stream('m', { chunkBytes: 4 })
      await stream.next()
      await Promise.all([file.close(), file.close()])

      const closed = { code: 'SAFETENSORS_CLOSED', file: path }
      await expect(file.read('m')).rejects.toMatchObject(closed)
      await expect(stream.next()).rejects.toMatchObject(closed)
      expect(() => file.fd).toThrow(expect.objectContaining(closed))
    }))

  it('notices a file that is cut while it is open', () =>
    withSample(async (file, path) => {
      await truncate(path, file.byteLength - 1)
      await expect(file.read('q')).rejects.toMatchObject({
        code: 'SAFETENSORS_TRUNCATED',
        hint: /while it was open/,
      })
    }))

  it('takes __proto__ for a name like any other', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'proto.safetensors')
      const entry = '{"dtype":"U8","shape":[1],"data_offsets":[0,1],"__proto__":{"polluted":true}}'
      await writeFile(path, rawFile(`{"__metadata__":{"__proto__":"text"},"__proto__":${entry}}`, 1))

      await using file = await openSafetensors(path)

      expect([...file.tensors.keys()]).toEqual(['__proto__'])
      expect(await file.read('__proto__')).toEqual(Uint8Array.of(0))
      expect(Object.entries(file.metadata)).toEqual([['__proto__', 'text']])
      expect('polluted' in {}).toBe(false)
      expect('polluted' in file.tensors.get('__proto__')!).toBe(false)
    }))

  it('accepts what the reference library accepts: any order of keys, unknown keys, white space', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'loose.safetensors')
      const second = '{ "extra": [1.5, null, {}], "data_offsets": [1, 2], "shape": [], "dtype": "I8" }'
      const first = '{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'
      await writeFile(path, rawFile(`{"b":${second},\n\t"a":${first}}\n  `, 2))

      await using file = await openSafetensors(path)

      expect([...file.tensors.keys()]).toEqual(['a', 'b'])
    }))
})
