import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createWorkFolder } from '../cache/work-folder.js'
import { INFO_CHANNEL, type InfoEvent } from '../report/info.js'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { removeTree } from './remove-tree.js'
import { stageFile } from './stage-file.js'
import { checkOutputFolder, stageFolder } from './stage-folder.js'
import { workTag } from './work-tag.js'

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>()
  return { ...actual, rm: vi.fn(actual.rm), readFile: vi.fn(actual.readFile) }
})
const actual = await vi.importActual<typeof import('node:fs/promises')>('node:fs/promises')
const denied = () => Object.assign(new Error('permission denied'), { code: 'EACCES' })

const ENDED = workTag().replace(/^\d+/, '999999999')
const parent = temporaryFolder(afterAll)
let folders = 0
async function newFolder(): Promise<string> {
  const folder = join(parent, `${++folders}`)
  await mkdir(folder)
  return folder
}

beforeEach(() => {
  vi.mocked(rm).mockReset().mockImplementation(actual.rm)
  vi.mocked(readFile).mockReset().mockImplementation(actual.readFile)
})

describe('what a killed process left and this one may not remove is no obstacle', () => {
  beforeEach(() => {
    vi.mocked(rm).mockImplementation(async (path, options) => {
      if (String(path).endsWith(ENDED)) throw denied()
      await actual.rm(path, options)
    })
  })

  it('to a file', async () => {
    const folder = await newFolder()
    const left = `.model.hfquant-new-${ENDED}`
    await writeFile(join(folder, left), '')
    const file = await stageFile(join(folder, 'model'), () => true)
    expect((await readdir(folder)).length).toBe(2)
    await file.commit()
    expect((await readdir(folder)).sort()).toEqual([left, 'model'])
  })

  it('to a folder', async () => {
    const folder = await newFolder()
    const left = `.model.hfquant-gone-${ENDED}`
    await mkdir(join(folder, left))
    await (await stageFolder(join(folder, 'model'))).commit(() => true)
    expect((await readdir(folder)).sort()).toEqual([left, 'model'])
  })

  it('to a work folder', async () => {
    const cache = join(await newFolder(), 'cache')
    await (await createWorkFolder(cache)).remove()
    await mkdir(join(cache, 'work', ENDED), { mode: 0o700 })
    await (await createWorkFolder(cache)).remove()
    expect(await readdir(join(cache, 'work'))).toEqual([ENDED])
  })
})

it('an old folder that cannot be removed is named, and the new one is in place', async () => {
  const folder = join(await newFolder(), 'model')
  await mkdir(folder)
  await writeFile(join(folder, 'weights'), 'old')
  const staged = await stageFolder(folder)
  await writeFile(join(staged.path, 'weights'), 'new')
  vi.mocked(rm).mockRejectedValue(denied())
  const said: string[] = []
  const listen = (event: unknown) => said.push((event as InfoEvent).message)
  subscribe(INFO_CHANNEL, listen)
  await staged.commit(() => true).finally(() => unsubscribe(INFO_CHANNEL, listen))
  expect(await readFile(join(folder, 'weights'), 'utf8')).toBe('new')
  expect(said).toEqual([
    `replacing in ${folder}: weights`,
    `what ${folder} was before stays beside it, under a hidden name: permission denied`,
  ])
})

it('folders that may not be written are removed all the same, and modes of files stay', async () => {
  const folder = await newFolder()
  const [tree, file] = [join(folder, 'tree'), join(folder, 'file')]
  await mkdir(join(tree, 'sub'), { recursive: true })
  await writeFile(file, '')
  await actual.link(file, join(tree, 'sub', 'file'))
  for (const path of [file, join(tree, 'sub'), tree]) await chmod(path, path === file ? 0o444 : 0o555)
  // Root may write everywhere: what others are told is told here.
  vi.mocked(rm).mockRejectedValueOnce(denied())
  await removeTree(tree)
  expect(existsSync(tree)).toBe(false)
  expect((await stat(file)).mode & 0o777).toBe(0o444)
})

it('a config.json that may not be read is an OutputError, before anything is written', async () => {
  const folder = await newFolder()
  await writeFile(join(folder, 'config.json'), '{"model_type":"llama"}')
  for (const begin of [checkOutputFolder, stageFolder]) {
    vi.mocked(readFile).mockRejectedValueOnce(denied())
    const refused = { name: 'OutputError', code: 'OUTPUT_FAILED', found: 'EACCES' }
    await expect(begin(folder)).rejects.toMatchObject(refused)
  }
})
