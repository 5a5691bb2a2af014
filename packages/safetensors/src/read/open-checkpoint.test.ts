import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withFolder } from '../../attacks/raw-file.js'
import {
  openSafetensorsCheckpoint,
  openSafetensorsIndex,
  parseSafetensorsIndex,
  SafetensorsError,
  writeSafetensors,
} from '../index.js'

const goldens = fileURLToPath(new URL('../../../../goldens/torchao/tiny-llama/', import.meta.url))
const byte = (name: string, value: number) =>
  ({ name, dtype: 'U8', shape: [1], data: Uint8Array.of(value) }) as const

describe('openSafetensorsCheckpoint', () => {
  it('opens the shards of a model that transformers saved', async () => {
    const path = join(goldens, 'int8-weight-only-sharded/model.safetensors.index.json')
    await using sharded = await openSafetensorsCheckpoint(path)
    await using single = await openSafetensorsCheckpoint(join(goldens, 'int8-weight-only/model.safetensors'))

    expect(sharded.folder).toBe(dirname(path))
    expect(sharded.files).toHaveLength(2)
    expect(single.files).toHaveLength(1)
    expect([...sharded.tensors.keys()].sort()).toEqual([...single.tensors.keys()].sort())
    for (const [name, { file }] of sharded.tensors) {
      expect(await file.read(name)).toEqual(await single.tensors.get(name)!.file.read(name))
    }
    expect(sharded.indexMetadata.total_size).toBeGreaterThan(0)
    expect(single.indexMetadata).toEqual({})
    expect(Object.keys(sharded.metadata).sort()).toEqual(Object.keys(single.metadata).sort())
  })

  it('merges metadata, lists unlisted tensors and lets the later file win', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'model.safetensors.index.json')
      await writeSafetensors(join(folder, 'b.safetensors'), [byte('both', 2), byte('unlisted', 3)], {
        metadata: { shared: 'b', onlyB: '1' },
      })
      await writeSafetensors(join(folder, 'a.safetensors'), [byte('both', 1), byte('__proto__', 4)], {
        metadata: { shared: 'a', onlyA: '1' },
      })
      await writeFile(path, '{"weight_map":{"both":"b.safetensors","__proto__":"a.safetensors"}}')

      await using checkpoint = await openSafetensorsIndex(path)

      expect(checkpoint.files.map((file) => file.path)).toEqual([
        join(folder, 'a.safetensors'),
        join(folder, 'b.safetensors'),
      ])
      expect([...checkpoint.tensors.keys()].sort()).toEqual(['__proto__', 'both', 'unlisted'])
      expect(await checkpoint.tensors.get('both')!.file.read('both')).toEqual(Uint8Array.of(2))
      expect(checkpoint.metadata).toEqual({ shared: 'b', onlyA: '1', onlyB: '1' })
    }))

  it('takes what the shards hold, and says what the index lists beyond that', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'model.safetensors.index.json')
      await writeSafetensors(join(folder, 'a.safetensors'), [byte('w', 1)])
      await writeSafetensors(join(folder, 'b.safetensors'), [byte('moved', 2)])
      await writeFile(
        path,
        '{"weight_map":{"w":"a.safetensors","moved":"a.safetensors","gone":"b.safetensors"}}',
      )

      await using checkpoint = await openSafetensorsIndex(path)

      expect([...checkpoint.tensors.keys()]).toEqual(['w', 'moved'])
      expect([...checkpoint.absent]).toEqual([['gone', 'b.safetensors']])
    }))

  it('follows the links of the download cache into its blobs', () =>
    withFolder(async (repository) => {
      const snapshot = join(repository, 'snapshots/0123abcd')
      await mkdir(snapshot, { recursive: true })
      await mkdir(join(repository, 'blobs'))
      await writeSafetensors(join(repository, 'blobs/5eed'), [byte('w', 1)])
      await symlink('../../blobs/5eed', join(snapshot, 'a.safetensors'))
      await writeFile(join(repository, 'blobs/1dec'), '{"weight_map":{"w":"a.safetensors"}}')
      await symlink('../../blobs/1dec', join(snapshot, 'model.safetensors.index.json'))

      await using checkpoint = await openSafetensorsIndex(join(snapshot, 'model.safetensors.index.json'))

      expect([...checkpoint.tensors.keys()]).toEqual(['w'])
    }))

  it('follows links of a folder of downloads into the cache, and into no other folder of that kind', () =>
    withFolder(async (parent) => {
      const folder = join(parent, 'downloads')
      const blobs = join(parent, 'models--org--name', 'blobs')
      await mkdir(folder)
      await mkdir(blobs, { recursive: true })
      const index = join(folder, 'model.safetensors.index.json')
      await writeFile(index, '{"weight_map":{"w":"a.safetensors"}}')
      for (const [name, isFollowed] of [
        ['5eed'.repeat(16), true],
        ['private', false],
      ] as const) {
        await writeSafetensors(join(blobs, name), [byte('w', 1)])
        await rm(join(folder, 'a.safetensors'), { force: true })
        await symlink(join(blobs, name), join(folder, 'a.safetensors'))
        const opening = openSafetensorsIndex(index)
        if (isFollowed) await (await opening).close()
        else await expect(opening).rejects.toMatchObject({ code: 'INDEX_PATH_ESCAPES' })
      }
    }))

  it('closes every file', () =>
    withFolder(async (folder) => {
      await writeSafetensors(join(folder, 'a.safetensors'), [byte('w', 1)])
      const checkpoint = await openSafetensorsCheckpoint(join(folder, 'a.safetensors'))

      await checkpoint.close()

      await expect(checkpoint.files[0]!.read('w')).rejects.toMatchObject({ code: 'SAFETENSORS_CLOSED' })
    }))

  it('names an index that does not exist', async () => {
    await expect(openSafetensorsCheckpoint('nowhere/model.safetensors.index.json')).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      file: 'nowhere/model.safetensors.index.json',
    })
  })
})

describe('parseSafetensorsIndex', () => {
  it('reads any JSON in the metadata as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify({ weight_map: {}, metadata: { value } }, null, indent)
        // Half surrogate pairs are refused, so only texts without them are compared.
        fc.pre(!/\\ud[89a-f]/.test(text))
        expect(JSON.stringify(parseSafetensorsIndex(text, 'index').metadata)).toBe(
          JSON.stringify({ value: JSON.parse(text).metadata.value }),
        )
      }),
    )
  })

  it('accepts no damaged text that JSON.parse refuses, and throws nothing but its own error', () => {
    const text =
      '{"metadata": {"total_size": 1.5e3, "x": [true, null, "\\u00e9\\n"]}, "weight_map": {"w": "a"}}'
    const edit = fc.record({
      at: fc.nat(text.length),
      remove: fc.nat(3),
      insert: fc.stringMatching(/^[{}[\]",:\\0-9a-fn.+ -]{0,3}$/),
    })
    fc.assert(
      fc.property(edit, ({ at, remove, insert }) => {
        const damaged = text.slice(0, at) + insert + text.slice(at + remove)
        try {
          parseSafetensorsIndex(damaged, 'index')
        } catch (error) {
          expect(error).toBeInstanceOf(SafetensorsError)
          return
        }
        expect(() => JSON.parse(damaged)).not.toThrow()
      }),
      { numRuns: 2000 },
    )
  })
})
