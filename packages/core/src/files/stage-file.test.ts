import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { stageFile } from './stage-file.js'
import { workTag } from './work-tag.js'

const parent = temporaryFolder(afterAll)
const isOurs = (start: Uint8Array) => start[0] === 7
let folders = 0
async function newFolder(): Promise<string> {
  const folder = join(parent, `${++folders}`)
  await mkdir(folder)
  return folder
}

test('a staged file appears when it is committed, and replaces one of its kind, or an empty one', async () => {
  const folder = await newFolder()
  const path = join(folder, 'model')
  for (const old of [undefined, [], [7, 1]]) {
    if (old !== undefined) await writeFile(path, Uint8Array.from(old))
    const file = await stageFile(path, isOurs)
    await file.write(Uint8Array.of(7))
    await file.write(Uint8Array.of(2, 3))
    await file.commit()
    expect([...(await readFile(path))]).toEqual([7, 2, 3])
    expect(await readdir(folder)).toEqual(['model'])
  }
})

test('a file of another kind is refused by name', async () => {
  const path = join(await newFolder(), 'thesis.txt')
  await writeFile(path, 'years of work')
  await expect(stageFile(path, isOurs)).rejects.toMatchObject({ code: 'OUTPUT_NOT_OURS', file: path })
})

test('of two writers on different machines, the first to finish wins, and the other says so', async () => {
  const folder = await newFolder()
  const path = join(folder, 'model')
  const file = await stageFile(path, isOurs)
  await writeFile(join(folder, 'theirs'), 'theirs')
  await rename(join(folder, 'theirs'), path)
  await expect(file.commit()).rejects.toMatchObject({ code: 'OUTPUT_TAKEN' })
  await file.discard()
  expect(await readFile(path, 'utf8')).toBe('theirs')
  expect(await readdir(folder)).toEqual(['model'])
})

test('what a killed process left is removed; what only begins like it is not', async () => {
  const folder = await newFolder()
  const left = `.model.hfquant-new-${workTag().replace(/^\d+/, '999999999')}`
  const own = '.model.hfquant-new-1'
  for (const name of [left, own]) await writeFile(join(folder, name), '')
  await (await stageFile(join(folder, 'model'), isOurs)).discard()
  expect(await readdir(folder)).toEqual([own])
})
