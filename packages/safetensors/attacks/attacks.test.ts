import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  openSafetensors,
  openSafetensorsIndex,
  parseSafetensorsHeader,
  SafetensorsError,
} from '../src/index.js'
import { hostileFiles } from './hostile-files.js'
import { hostileIndexes } from './hostile-indexes.js'
import { rawFile, withFolder } from './raw-file.js'

const refusal = (promise: Promise<unknown>): Promise<SafetensorsError> =>
  promise.then(
    () => {
      throw new Error('the file was accepted')
    },
    (error: unknown) => {
      if (SafetensorsError.isInstance(error)) return error
      throw error
    },
  )

describe('a hostile file is refused', () => {
  it.each(hostileFiles)('$title: $code', async ({ code, entry, bytes }) => {
    await withFolder(async (folder) => {
      const path = join(folder, 'hostile.safetensors')
      await writeFile(path, bytes())

      const error = await refusal(openSafetensors(path))

      expect(error).toMatchObject({ code, file: path, tensor: entry === '__metadata__' ? undefined : entry })
      expect(error.message).toContain(path)
      if (entry !== undefined) expect(error.message).toContain(JSON.stringify(entry))
      expect(error.hint).not.toBe('')
    })
  })

  it.each(hostileFiles)('$title: also when it is in memory already', async ({ code, bytes }) => {
    const error = await refusal(
      Promise.resolve().then(() => parseSafetensorsHeader(bytes(), { file: 'in memory' })),
    )

    expect(error).toMatchObject({ code, file: 'in memory' })
  })
})

it('refuses more keys in one object than any header needs, before they fill the memory', () => {
  const keys = Array.from({ length: 2_000_001 }, (_, index) => `"${index}":""`).join()

  expect(() => parseSafetensorsHeader(rawFile(`{"__metadata__":{${keys}}}`))).toThrow(
    expect.objectContaining({
      code: 'SAFETENSORS_BAD_HEADER',
      message: expect.stringContaining('2000000 keys'),
    }),
  )
})

describe('a hostile index is refused', () => {
  it.each(hostileIndexes)('$title: $code', async ({ code, names, text, prepare }) => {
    await withFolder(async (parent) => {
      const folder = join(parent, 'model')
      await mkdir(folder)
      await prepare?.(folder)
      const path = join(folder, 'model.safetensors.index.json')
      await writeFile(path, text)

      const error = await refusal(openSafetensorsIndex(path))

      expect(error.code).toBe(code)
      for (const name of names) expect(error.message).toContain(name)
    })
  })
})
