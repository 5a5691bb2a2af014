import { existsSync } from 'node:fs'
import { lstat, mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { checkOutputFolder, recoverFolder, stageFolder } from './replace-folder.js'

const parent = temporaryFolder(afterAll)
const read = (folder: string, name: string) => readFile(join(folder, name), 'utf8')
const everything = () => true

async function folderWith(name: string, files: Record<string, string>): Promise<string> {
  const folder = join(parent, name, 'model')
  await mkdir(folder, { recursive: true })
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text)
  return folder
}

describe('a staged folder', () => {
  test('appears when it is committed, and leaves nothing else', async () => {
    const folder = join(parent, 'new', 'model')
    const staged = await stageFolder(folder)
    await writeFile(join(staged.path, 'config.json'), 'new')
    expect(existsSync(folder)).toBe(false)
    await staged.commit(everything)
    expect(await read(folder, 'config.json')).toBe('new')
    expect(await readdir(join(parent, 'new'))).toEqual(['model'])
  })

  test('replaces the checkpoint of an older one, and keeps files that are no part of it', async () => {
    const folder = await folderWith('replaced', {
      'config.json': 'old',
      'pytorch_model.bin': 'old',
      'README.md': 'card',
    })
    await mkdir(join(folder, 'evals'))
    await writeFile(join(folder, 'evals', 'loss.txt'), '0.38')
    const staged = await stageFolder(folder)
    await writeFile(join(staged.path, 'config.json'), 'new')
    expect(await read(folder, 'config.json')).toBe('old')
    await staged.commit((name) => name !== 'README.md' && name !== 'evals')
    expect((await readdir(folder)).sort()).toEqual(['README.md', 'config.json', 'evals'])
    expect(await read(folder, 'config.json')).toBe('new')
    expect(await read(folder, 'evals/loss.txt')).toBe('0.38')
  })

  test('replaces what a link points to, and leaves the link', async () => {
    const folder = await folderWith('linked', { 'config.json': 'old' })
    const link = join(parent, 'linked', 'latest')
    await symlink(folder, link)
    const staged = await stageFolder(link)
    await writeFile(join(staged.path, 'config.json'), 'new')
    await staged.commit(everything)
    expect(await read(folder, 'config.json')).toBe('new')
    expect((await lstat(link)).isSymbolicLink()).toBe(true)
  })

  test('leaves the old folder alone when it is discarded', async () => {
    const folder = await folderWith('discarded', { 'config.json': 'old' })
    const staged = await stageFolder(folder)
    await writeFile(join(staged.path, 'config.json'), 'half')
    await staged.discard()
    expect(await read(folder, 'config.json')).toBe('old')
    expect(await readdir(join(parent, 'discarded'))).toEqual(['model'])
  })
})

describe('after a process was killed', () => {
  test('between the two renames, the old folder is moved back', async () => {
    const folder = await folderWith('between', { 'config.json': 'old' })
    await rename(folder, join(parent, 'between', '.model.hfquant-old-999999999'))
    await recoverFolder(folder)
    expect(await read(folder, 'config.json')).toBe('old')
  })

  test('while it was removing the old folder, that is not taken for a complete one', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `${index}.json`)
    const folder = await folderWith('removing', Object.fromEntries(names.map((name) => [name, 'old'])))
    const staged = await stageFolder(folder)
    let committed = false
    const commit = staged.commit(everything).then(() => {
      committed = true
    })
    const seen: number[] = []
    while (!committed) {
      for (const name of await readdir(join(parent, 'removing'))) {
        if (!name.startsWith('.model.hfquant-old-')) continue
        const files = await readdir(join(parent, 'removing', name)).catch(() => undefined)
        if (files !== undefined) seen.push(files.length)
      }
    }
    await commit
    expect(new Set([...seen, 300])).toEqual(new Set([300]))
    expect(await readdir(join(parent, 'removing'))).toEqual(['model'])
  })

  test('while it was writing, what it left is removed; the folders of living processes are not', async () => {
    const folder = await folderWith('leftovers', { 'config.json': 'old' })
    const abandoned = join(parent, 'leftovers', '.model.hfquant-new-999999999-abcd1234')
    const busy = join(parent, 'leftovers', `.model.hfquant-new-${process.pid}-abcd1234`)
    await mkdir(abandoned)
    await mkdir(busy)
    await (await stageFolder(folder)).discard()
    expect((await readdir(join(parent, 'leftovers'))).sort()).toEqual([
      `.model.hfquant-new-${process.pid}-abcd1234`,
      'model',
    ])
  })
})

describe('a folder that cannot be replaced by renaming is refused before any work', () => {
  test.each([[''], ['.'], ['/']])('"%s"', async (folder) => {
    await expect(checkOutputFolder(folder)).rejects.toMatchObject({ code: 'OUTPUT_UNSUITABLE' })
    await expect(stageFolder(folder)).rejects.toMatchObject({ code: 'OUTPUT_UNSUITABLE' })
  })

  test('and checking one that can be written leaves no trace', async () => {
    await checkOutputFolder(join(parent, 'not', 'yet', 'there'))
    expect(await readdir(parent)).not.toContain('not')
  })
})

test('two saves of one folder at once do not disturb each other', async () => {
  const folder = join(parent, 'twice', 'model')
  await Promise.all(
    ['a', 'b', 'c', 'd'].map(async (text) => {
      const staged = await stageFolder(folder)
      await writeFile(join(staged.path, 'config.json'), text)
      await staged.commit(everything)
    }),
  )
  expect('abcd').toContain(await read(folder, 'config.json'))
  expect(await readdir(join(parent, 'twice'))).toEqual(['model'])
})

test('a place that cannot be written is an OutputError naming it', async () => {
  await writeFile(join(parent, 'file'), '')
  const folder = join(parent, 'file', 'model')
  for (const begin of [checkOutputFolder, stageFolder]) {
    await expect(begin(folder)).rejects.toMatchObject({
      name: 'OutputError',
      message: expect.stringContaining(folder),
    })
  }
})
