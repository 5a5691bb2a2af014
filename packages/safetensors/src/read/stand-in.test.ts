import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { rawFile, withFolder } from '../../attacks/raw-file.js'
import { openSafetensors, openSafetensorsCheckpoint } from '../index.js'

const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 2\n'
const page = '\n<!-- a proxy -->\n<!DOCTYPE html>\n<html><body>Sign in</body></html>\n'

describe.each([
  ['a Git LFS pointer', pointer, /Git LFS pointer/, /git lfs pull/],
  ['a web page', page, /web page \(HTML\)/, /signed in/],
  ['a web page with a byte order mark', `\uFEFF${page}`, /web page \(HTML\)/, /signed in/],
])('%s is called so', (_, text, message, hint) => {
  it('in place of the weights', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'model.safetensors')
      await writeFile(path, text)
      await expect(openSafetensors(path)).rejects.toMatchObject({
        ...{ code: 'SAFETENSORS_STAND_IN', file: path },
        ...{ message: expect.stringMatching(message), hint: expect.stringMatching(hint) },
      })
    }))

  it('in place of a shard', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'a.safetensors'), text)
      const index = join(folder, 'model.safetensors.index.json')
      await writeFile(index, '{"weight_map":{"w":"a.safetensors"}}')
      await expect(openSafetensorsCheckpoint(index)).rejects.toMatchObject({
        ...{ code: 'SAFETENSORS_STAND_IN', file: join(folder, 'a.safetensors') },
        hint: expect.stringMatching(hint),
      })
    }))

  it('in place of the index', () =>
    withFolder(async (folder) => {
      const index = join(folder, 'model.safetensors.index.json')
      await writeFile(index, text)
      await expect(openSafetensorsCheckpoint(index)).rejects.toMatchObject({
        ...{ code: 'INDEX_BAD', file: index },
        ...{ message: expect.stringMatching(message), hint: expect.stringMatching(hint) },
      })
    }))
})

it('another text in place of the weights is no safetensors file', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'model.safetensors')
    await writeFile(path, 'version 2 of these weights is elsewhere')
    await expect(openSafetensors(path)).rejects.toMatchObject({ code: 'SAFETENSORS_HEADER_TOO_LARGE' })
  }))

it('a row of comments that no web page follows is looked at once', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'model.safetensors')
    await writeFile(path, '<!---->'.repeat(36))
    await expect(openSafetensors(path)).rejects.toMatchObject({ code: 'SAFETENSORS_HEADER_TOO_LARGE' })
  }))

it('metadata that is null is no metadata, as in the reference library', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'model.safetensors')
    const entry = '{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'
    await writeFile(path, rawFile(`{"__metadata__":null,"w":${entry}}`, 1))
    await using file = await openSafetensors(path)
    expect({ ...file.metadata }).toEqual({})
    expect([...file.tensors.keys()]).toEqual(['w'])
    for (const other of ['nil', '0', 'false', '"text"', '{"a":null}']) {
      await writeFile(path, rawFile(`{"__metadata__":${other},"w":${entry}}`, 1))
      await expect(openSafetensors(path)).rejects.toMatchObject({ code: expect.stringMatching(/BAD_/) })
    }
  }))
