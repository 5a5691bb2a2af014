import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { folderIdentity, readOneVersion, readUnreplaced } from './folder-version.js'

const parent = temporaryFolder(afterAll)
const folder = join(parent, 'model')
const config = join(folder, 'config.json')
const aside = join(parent, 'aside')

beforeEach(async () => {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  await writeFile(config, '{}')
})

/** Puts another folder in the place of the first, as saving does. */
async function replace(): Promise<void> {
  await rename(folder, aside)
  await mkdir(folder)
  await writeFile(config, '{}')
  await rm(aside, { recursive: true })
}

/** Reads a folder to which something happens during the first reads. */
async function read(happens: readonly (() => Promise<unknown>)[]) {
  let reads = 0
  const released: number[] = []
  const result = await readOneVersion(
    folder,
    [config],
    async () => {
      const own = reads++
      await happens[own]?.()
      return own
    },
    async (earlier) => void released.push(earlier),
  )
  return { result, released }
}

test('a folder that stays is read once', async () => {
  expect(await read([])).toEqual({ result: 0, released: [] })
})

test('a folder that is replaced while it is read is read again, and what was read of two is given back', async () => {
  expect(await read([replace])).toEqual({ result: 1, released: [0] })
  expect(await read([replace, replace, replace])).toEqual({ result: 3, released: [0, 1, 2] })
})

test('so is one whose configuration is written anew', async () => {
  expect(await read([() => writeFile(config, '{ }')])).toEqual({ result: 1, released: [0] })
})

test('an error counts when the folder stayed, and not when it was replaced', async () => {
  const fail = async () => {
    throw new RangeError('damaged')
  }
  await expect(read([fail])).rejects.toThrow('damaged')
  expect(await read([() => replace().then(fail)])).toEqual({ result: 1, released: [] })
})

test('a folder that is replaced again and again is an error', async () => {
  const always = Array.from({ length: 100 }, () => replace)
  await expect(read(always)).rejects.toMatchObject({ code: 'FOLDER_REPLACED', file: folder })
})

test('files that are read later are those of the folder that was opened, or an error', async () => {
  const identity = await folderIdentity(folder)
  const later = (happens: () => Promise<unknown>) => readUnreplaced(folder, identity, happens)
  expect(await later(async () => 'read')).toBe('read')
  await writeFile(join(folder, 'README.md'), 'new')
  expect(await later(async () => 'read')).toBe('read')
  await expect(later(replace)).rejects.toMatchObject({ code: 'FOLDER_REPLACED' })
  await expect(later(async () => 'read')).rejects.toMatchObject({ code: 'FOLDER_REPLACED' })
})
