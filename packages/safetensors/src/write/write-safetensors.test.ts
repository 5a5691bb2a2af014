import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withFolder } from '../../attacks/raw-file.js'
import {
  dtypeBits,
  openSafetensors,
  parseSafetensorsHeader,
  SafetensorsError,
  safetensorsDtypes,
  type TensorWithData,
  writeSafetensors,
} from '../index.js'

const name = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('__proto__', 'constructor', 'model.layers.0.weight', ''),
)
const tensor: fc.Arbitrary<TensorWithData> = fc
  .record({
    name: name.filter((text) => text !== '__metadata__'),
    dtype: fc.constantFrom(...safetensorsDtypes),
    // The last size fills whole bytes whatever the dtype is.
    shape: fc.tuple(fc.nat(5), fc.constantFrom(0, 4, 8)).map(([rows, columns]) => [rows, columns]),
  })
  .chain((spec) => {
    const length = (spec.shape[0]! * spec.shape[1]! * dtypeBits(spec.dtype)) / 8
    return fc.uint8Array({ minLength: length, maxLength: length }).map((data) => ({ ...spec, data }))
  })
const tensors = fc.uniqueArray(tensor, { maxLength: 6, selector: (each) => each.name })
const metadata = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), { maxKeys: 3 })

describe('writeSafetensors', () => {
  it('writes what openSafetensors reads: any names, dtypes, shapes, rows and metadata', () =>
    withFolder((folder) =>
      fc.assert(
        fc.asyncProperty(tensors, metadata, fc.nat(5), async (written, metadata, cut) => {
          const path = join(folder, 'model.safetensors')
          await writeSafetensors(path, written, { metadata })

          await using file = await openSafetensors(path)

          expect(Object.entries(file.metadata)).toEqual(Object.entries(metadata))
          expect(new Set(file.tensors.keys())).toEqual(new Set(written.map((each) => each.name)))
          for (const { name, dtype, shape, data } of written) {
            expect(file.tensors.get(name)).toMatchObject({ dtype, shape })
            expect(await file.read(name)).toEqual(data)
            const rows = Math.min(cut, shape[0]!)
            const bytesInRow = shape[0] === 0 ? 0 : data.byteLength / shape[0]!
            expect(await file.read(name, { rows: [0, rows] })).toEqual(data.slice(0, rows * bytesInRow))
            const pieces: number[] = []
            for await (const piece of file.stream(name, { chunkBytes: 7 })) pieces.push(...piece)
            expect(pieces).toEqual([...data])
          }
        }),
        { numRuns: 100 },
      ),
    ))

  it('leads to a typed error or a valid header whatever is damaged in it', async () => {
    const whole = await withFolder(async (folder) => {
      const path = join(folder, 'model.safetensors')
      const each = (name: string) => ({ name, dtype: 'F16', shape: [2, 2], data: new Uint8Array(8) }) as const
      await writeSafetensors(path, [each('a'), each('b\n'), each('__proto__')], {
        metadata: { format: 'pt' },
      })
      return new Uint8Array(await readFile(path))
    })
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 25), fc.nat(255)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(damage, fc.nat(whole.length), fc.boolean(), (edits, length, cut) => {
        const bytes = cut ? whole.slice(0, length) : whole.slice()
        for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value
        try {
          const { tensors } = parseSafetensorsHeader(bytes)
          const covered = [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
          expect(covered).toBe(24)
        } catch (error) {
          if (!SafetensorsError.isInstance(error)) throw error
        }
      }),
      { numRuns: 3000 },
    )
  })

  it('replaces an older file and leaves nothing else behind', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'model.safetensors')
      await writeFile(path, 'older')
      await writeSafetensors(path, [{ name: 'w', dtype: 'U8', shape: [1], data: Uint8Array.of(1) }])

      expect(await readdir(folder)).toEqual(['model.safetensors'])
      await using file = await openSafetensors(path)
      expect(file.tensors.has('w')).toBe(true)
    }))

  it('removes the temporary file when the last step fails', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'model.safetensors')
      await mkdir(join(path, 'occupied'), { recursive: true })

      const writing = writeSafetensors(path, [{ name: 'w', dtype: 'U8', shape: [1], data: Uint8Array.of(1) }])

      await expect(writing).rejects.toMatchObject({ code: 'FILE_NOT_WRITABLE', file: path })
      expect(await readdir(folder)).toEqual(['model.safetensors'])
    }))

  it('refuses data whose length is wrong before it creates a file', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'model.safetensors')
      const writing = writeSafetensors(path, [
        { name: 'w', dtype: 'F32', shape: [2], data: new Uint8Array(7) },
      ])

      await expect(writing).rejects.toMatchObject({
        code: 'SAFETENSORS_SIZE_MISMATCH',
        tensor: 'w',
        message: /takes 8 bytes, its data has 7/,
      })
      expect(await readdir(folder)).toEqual([])
    }))
})
