import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { dict, integer, pickle, tensor, text } from '../../attacks/build-pickle.js'
import { buildCheckpoint } from '../../attacks/build-zip.js'
import { withFolder } from '../../attacks/temporary-file.js'
import { openTorchCheckpoint } from '../index.js'

const shard = (offset: number, ...names: readonly string[]): Uint8Array =>
  buildCheckpoint(
    pickle(dict(...names.flatMap((name) => [text(name), tensor({ shape: [1], offset: integer(offset) })]))),
  )

describe('openTorchCheckpoint', () => {
  it('lists entries that the index does not, and lets the later file win', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'b.bin'), shard(1, 'both', 'unlisted'))
      await writeFile(join(folder, 'a.bin'), shard(0, 'both', '__proto__'))
      const path = join(folder, 'pytorch_model.bin.index.json')
      await writeFile(path, '{"weight_map":{"both":"b.bin","__proto__":"a.bin"}}')

      await using checkpoint = await openTorchCheckpoint(path)

      expect(checkpoint.files.map((file) => file.path)).toEqual([
        join(folder, 'a.bin'),
        join(folder, 'b.bin'),
      ])
      expect([...checkpoint.entries.keys()].sort()).toEqual(['__proto__', 'both', 'unlisted'])
      expect(checkpoint.entries.get('both')).toMatchObject({ file: checkpoint.files[1] })
    }))

  it('follows the links of the download cache into its blobs', () =>
    withFolder(async (repository) => {
      const snapshot = join(repository, 'snapshots/0123abcd')
      await mkdir(snapshot, { recursive: true })
      await mkdir(join(repository, 'blobs'))
      await writeFile(join(repository, 'blobs/5eed'), shard(0, 'w'))
      await symlink('../../blobs/5eed', join(snapshot, 'a.bin'))
      const path = join(snapshot, 'pytorch_model.bin.index.json')
      await writeFile(path, '{"weight_map":{"w":"a.bin"}}')

      await using checkpoint = await openTorchCheckpoint(path)

      expect([...checkpoint.entries.keys()]).toEqual(['w'])
    }))
})

describe('what a download left in place of a file is called so', () => {
  it.each([
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 2\n', /Git LFS/],
    ['a web page', '\n<!doctype HTML>\n<html><body>Sign in</body></html>', /web page \(HTML\)/],
  ])('%s, as weights, shard or index', (_, content, message) =>
    withFolder(async (folder) => {
      const refused = {
        code: expect.stringMatching(/FORMAT_UNKNOWN/),
        message: expect.stringMatching(message),
      }
      await writeFile(join(folder, 'a.bin'), content)
      await expect(openTorchCheckpoint(join(folder, 'a.bin'))).rejects.toMatchObject(refused)
      const index = join(folder, 'pytorch_model.bin.index.json')
      await writeFile(index, '{"weight_map":{"w":"a.bin"}}')
      await expect(openTorchCheckpoint(index)).rejects.toMatchObject(refused)
      await writeFile(index, content)
      await expect(openTorchCheckpoint(index)).rejects.toMatchObject({ ...refused, file: index })
    }),
  )

  it('after comments, and a row of comments that nothing follows is looked at once', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'a.bin')
      await writeFile(path, '<!-- a proxy --> <!-- > -->\n<html>')
      await expect(openTorchCheckpoint(path)).rejects.toThrow(/web page \(HTML\)/)
      await writeFile(path, '<!---->'.repeat(36))
      await expect(openTorchCheckpoint(path)).rejects.toThrow(/neither a zip/)
    }))
})

describe('an index', () => {
  it('may hold the floats that only Python writes, and their names in strings', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'a.bin'), shard(0, 'NaN "w"'))
      const path = join(folder, 'pytorch_model.bin.index.json')
      await writeFile(path, '{"metadata":{"a":NaN,"b":[-Infinity]},"weight_map":{"NaN \\"w\\"":"a.bin"}}')
      await using checkpoint = await openTorchCheckpoint(path)
      expect(checkpoint.indexMetadata).toEqual({ a: null, b: [null] })
      expect([...checkpoint.entries.keys()]).toEqual(['NaN "w"'])
    }))

  it('with a string of quotes that does not end is read once', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'pytorch_model.bin.index.json')
      await writeFile(path, `{"a${'\\"'.repeat(2 ** 19)}`)
      await expect(openTorchCheckpoint(path)).rejects.toMatchObject({
        code: expect.stringMatching(/INDEX_BAD/),
      })
    }))
})
