import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync, readFileSync } from 'node:fs'
import { lstat, mkdir, readdir, readFile, rename, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { INFO_CHANNEL, type InfoEvent } from '../report/info.js'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { checkOutputFolder, recoverFolder, stageFolder } from './stage-folder.js'
import { workTag } from './work-tag.js'

const parent = temporaryFolder(afterAll)
const read = (folder: string, name: string) => readFile(join(folder, name), 'utf8')
const everything = () => true

/** The tag of a process that has ended, of one of another container, and of one of another machine. */
const ENDED = workTag().replace(/^\d+/, '999999999')
const [pid, start, machine, begun, random] = workTag().split('-')
const OTHER_CONTAINER = [pid, start, `${machine!.slice(0, 8)}00000000`, begun, random].join('-')
const OTHER_MACHINE = [pid, start, '0000000000000000', begun, random].join('-')
/** A process that certainly runs, whoever started it. */
const BUSY = [process.ppid, startOf(process.ppid), machine, begun, random].join('-')

function startOf(id: number): string {
  const line = existsSync(`/proc/${id}/stat`) ? readFileSync(`/proc/${id}/stat`, 'latin1') : ''
  return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? '0'
}

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
    await writeFile(join(staged.path, 'model.safetensors'), 'new')
    expect(existsSync(folder)).toBe(false)
    await staged.commit(everything)
    expect(await read(folder, 'model.safetensors')).toBe('new')
    expect(await readdir(join(parent, 'new'))).toEqual(['model'])
  })

  test('replaces the checkpoint of an older one, and keeps files that are no part of it', async () => {
    const folder = await folderWith('replaced', {
      'model.safetensors': 'old',
      'pytorch_model.bin': 'old',
      'README.md': 'card',
    })
    await mkdir(join(folder, 'evals'))
    await writeFile(join(folder, 'evals', 'loss.txt'), '0.38')
    const staged = await stageFolder(folder)
    await writeFile(join(staged.path, 'model.safetensors'), 'new')
    expect(await read(folder, 'model.safetensors')).toBe('old')
    await staged.commit((name) => name !== 'README.md' && name !== 'evals')
    expect((await readdir(folder)).sort()).toEqual(['README.md', 'evals', 'model.safetensors'])
    expect(await read(folder, 'model.safetensors')).toBe('new')
    expect(await read(folder, 'evals/loss.txt')).toBe('0.38')
  })

  test('replaces what a link points to, and leaves the link', async () => {
    const folder = await folderWith('linked', { 'model.safetensors': 'old' })
    const linked = join(parent, 'linked', 'latest')
    await symlink(folder, linked)
    const staged = await stageFolder(linked)
    await writeFile(join(staged.path, 'model.safetensors'), 'new')
    await staged.commit(everything)
    expect(await read(folder, 'model.safetensors')).toBe('new')
    expect((await lstat(linked)).isSymbolicLink()).toBe(true)
  })

  test('leaves the old folder alone when it is discarded', async () => {
    const folder = await folderWith('discarded', { 'model.safetensors': 'old' })
    const staged = await stageFolder(folder)
    await writeFile(join(staged.path, 'model.safetensors'), 'half')
    await staged.discard()
    expect(await read(folder, 'model.safetensors')).toBe('old')
    expect(await readdir(join(parent, 'discarded'))).toEqual(['model'])
  })
})

describe('after a process was killed', () => {
  test('between the two renames, the old folder is moved back', async () => {
    const folder = await folderWith('between', { 'model.safetensors': 'old' })
    await rename(folder, join(parent, 'between', `.model.hfquant-old-${ENDED}`))
    await recoverFolder(folder)
    expect(await read(folder, 'model.safetensors')).toBe('old')
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

  test('between the two renames on another machine, the old folder is moved back, too', async () => {
    const folder = await folderWith('elsewhere', { 'model.safetensors': 'old' })
    await rename(folder, join(parent, 'elsewhere', `.model.hfquant-old-${OTHER_MACHINE}`))
    await recoverFolder(folder)
    expect(await read(folder, 'model.safetensors')).toBe('old')
  })

  test('while it was writing, what it left is removed; what may be in work, and what only looks like it, is not', async () => {
    const folder = await folderWith('leftovers', { 'model.safetensors': 'old' })
    const at = (name: string) => join(parent, 'leftovers', name)
    const kept = [
      `.model.hfquant-new-${workTag()}`,
      `.model.hfquant-new-${OTHER_CONTAINER}`,
      `.model.hfquant-new-${OTHER_MACHINE}`,
      '.model.hfquant-new-999999999-abcd1234',
      '.model.hfquant-new-backup',
    ]
    for (const name of [`.model.hfquant-new-${ENDED}`, `.model.hfquant-gone-${ENDED}`, ...kept])
      await mkdir(at(name))
    // A clock that was set a year ahead makes what was begun a moment ago look as old.
    await utimes(at(kept[1]!), 0, 0)
    await (await stageFolder(folder)).discard()
    expect((await readdir(join(parent, 'leftovers'))).sort()).toEqual([...kept, 'model'].sort())
  })

  test('on another machine, what it left is removed after a week', async () => {
    const folder = await folderWith('old-leftovers', { 'model.safetensors': 'old' })
    const left = join(parent, 'old-leftovers', `.model.hfquant-new-${OTHER_MACHINE}`)
    await mkdir(left)
    const days = (count: number) => Date.now() / 1000 - count * 24 * 3600
    await writeFile(join(left, 'weights'), '')
    for (const [age, isLeft] of [
      [6, true],
      [8, false],
    ] as const) {
      await utimes(join(left, 'weights'), days(age), days(age))
      await utimes(left, days(9), days(9))
      await (await stageFolder(folder)).discard()
      expect(existsSync(left)).toBe(isLeft)
    }
  })
})

describe('two processes with one folder', () => {
  test('the second is refused while the first is at work', async () => {
    const folder = await folderWith('busy', { 'model.safetensors': 'old' })
    await mkdir(join(parent, 'busy', `.model.hfquant-new-${BUSY}`))
    const refused = { name: 'OutputError', code: 'OUTPUT_BUSY', found: process.ppid }
    await expect(stageFolder(folder)).rejects.toMatchObject(refused)
    await expect(checkOutputFolder(folder)).rejects.toMatchObject(refused)
    expect((await readdir(join(parent, 'busy'))).length).toBe(2)
  })

  /** Replaces a folder as another process or machine would. */
  async function replaceBehindTheBack(folder: string): Promise<void> {
    if (existsSync(folder)) await rename(folder, `${folder}-before`)
    await mkdir(folder)
    await writeFile(join(folder, 'model.safetensors'), 'theirs')
  }

  test.each([
    ['with a model', { 'model.safetensors': 'old', 'notes.txt': 'mine' }],
    ['that is not there', undefined],
  ])('the first to finish wins, and the other says so, in a folder %s', async (name, files) => {
    const folder = files === undefined ? join(parent, name, 'model') : await folderWith(name, files)
    const staged = await stageFolder(folder)
    await writeFile(join(staged.path, 'model.safetensors'), 'ours')
    await replaceBehindTheBack(folder)
    await expect(staged.commit(everything)).rejects.toMatchObject({ code: 'OUTPUT_TAKEN', file: folder })
    await staged.discard()
    expect(await read(folder, 'model.safetensors')).toBe('theirs')
    expect((await readdir(join(parent, name))).filter((entry) => entry.startsWith('.'))).toEqual([])
  })
})

describe('what is in the folder', () => {
  const isOld = (name: string) => name.startsWith('model')

  test('is replaced or removed only if it is called so, and is named before', async () => {
    const folder = await folderWith('named', {
      'model.safetensors': 'old',
      'model-00001-of-00002.safetensors': 'old',
      'adapter.safetensors': 'mine',
    })
    await mkdir(join(folder, 'runs', 'deep'), { recursive: true })
    await writeFile(join(folder, 'runs', 'deep', 'loss.txt'), '0.38')
    await symlink('nowhere', join(folder, 'dangling'))
    const loss = await stat(join(folder, 'runs', 'deep', 'loss.txt'))
    const said: string[] = []
    const listen = (event: unknown) => {
      said.push((event as InfoEvent).message)
      expect(existsSync(join(folder, 'model-00001-of-00002.safetensors'))).toBe(true)
    }
    subscribe(INFO_CHANNEL, listen)
    const staged = await stageFolder(folder)
    await writeFile(join(staged.path, 'model.safetensors'), 'new')
    await staged.commit(isOld).finally(() => unsubscribe(INFO_CHANNEL, listen))
    expect(said).toEqual([
      `replacing in ${folder}: model.safetensors`,
      `removing from ${folder}, as of the model before: model-00001-of-00002.safetensors`,
    ])
    expect((await readdir(folder)).sort()).toEqual([
      'adapter.safetensors',
      'dangling',
      'model.safetensors',
      'runs',
    ])
    expect((await stat(join(folder, 'runs', 'deep', 'loss.txt'))).ino).toBe(loss.ino)
  })

  test('is refused when its config.json is not that of a model', async () => {
    for (const [name, text] of [
      ['settings', '{"port": 80}'],
      ['no-json', 'port = 80'],
    ] as const) {
      const folder = await folderWith(name, { 'config.json': text })
      const refused = { code: 'OUTPUT_NOT_A_MODEL', file: join(folder, 'config.json') }
      await expect(stageFolder(folder)).rejects.toMatchObject(refused)
      await expect(checkOutputFolder(folder)).rejects.toMatchObject(refused)
    }
    for (const [name, text] of [
      ['a-model', '{"model_type":"llama"}'],
      ['with-infinity', '{"model_type":"x","a":[0.0,Infinity]}'],
      ['with-a-mark', '\uFEFF{"model_type":"llama"}'],
    ] as const) {
      await (await stageFolder(await folderWith(name, { 'config.json': text }))).discard()
    }
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
      await writeFile(join(staged.path, 'model.safetensors'), text)
      await staged.commit(everything)
    }),
  )
  expect('abcd').toContain(await read(folder, 'model.safetensors'))
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
