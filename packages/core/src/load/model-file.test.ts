import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { checkModelFile, copyModelFile, readModelFile } from './model-file.js'

const parent = temporaryFolder(afterAll)
/** What lies outside of the model. */
let outside: string
let model: string
beforeEach(async () => {
  outside = await mkdtemp(join(parent, 'outside-'))
  model = join(outside, 'model')
  await mkdir(model)
})

const limit = { maxBytes: 100 }
const read = async (name: string) => Buffer.from(await readModelFile(model, name, limit)).toString()
const copy = () => join(outside, 'copy')
const copied = async (name: string) => {
  await copyModelFile(model, name, copy())
  return readFile(copy(), 'utf8')
}

/** Neither read nor copied, and nothing is left behind. */
async function expectRefused(name: string, error: object): Promise<void> {
  const file = join(model, name)
  await expect(read(name)).rejects.toMatchObject({ file, ...error })
  await expect(checkModelFile(model, name)).rejects.toMatchObject({ file, ...error })
  await expect(copyModelFile(model, name, copy())).rejects.toMatchObject({ file, ...error })
  expect(existsSync(copy())).toBe(false)
}

test('a regular file is read and copied', async () => {
  await writeFile(join(model, 'vocab.json'), '{}')
  expect(await read('vocab.json')).toBe('{}')
  expect(await copied('vocab.json')).toBe('{}')
})

test('a file that is not there is an error that says so', () =>
  expectRefused('vocab.json', { code: 'FILE_NOT_FOUND' }))

describe('what is no regular file is not opened', () => {
  test.skipIf(process.platform === 'win32')('a named pipe that nobody writes to', async () => {
    execFileSync('mkfifo', [join(model, 'vocab.json')])
    await expectRefused('vocab.json', { code: 'FILE_UNREADABLE' })
    await symlink('vocab.json', join(model, 'merges.txt'))
    await expectRefused('merges.txt', { code: 'FILE_UNREADABLE' })
  })

  test('a folder', async () => {
    await mkdir(join(model, 'vocab.json'))
    await expectRefused('vocab.json', { code: 'FILE_UNREADABLE' })
  })

  test.skipIf(process.platform === 'win32').each(['/dev/zero', '/dev/null', '/proc/self/environ'])(
    'a link to %s',
    async (target) => {
      await symlink(target, join(model, 'vocab.json'))
      await expectRefused('vocab.json', { code: 'FILE_OUTSIDE_FOLDER' })
    },
  )
})

describe('a link', () => {
  test('to another file of the folder is followed', async () => {
    await mkdir(join(model, 'sub'))
    await writeFile(join(model, 'sub', 'a.json'), '{}')
    await symlink('sub/a.json', join(model, 'b.json'))
    await symlink(join(model, 'b.json'), join(model, 'c.json'))
    expect(await read('c.json')).toBe('{}')
    expect(await copied('c.json')).toBe('{}')
    expect(await read(join('sub', 'a.json'))).toBe('{}')
  })

  test('may lead to the folder itself', async () => {
    await writeFile(join(model, 'vocab.json'), '{}')
    const link = join(outside, 'link')
    await symlink('model', link)
    expect(Buffer.from(await readModelFile(link, 'vocab.json', limit)).toString()).toBe('{}')
  })

  test.each([
    ['relative', () => '../key'],
    ['absolute', () => join(outside, 'key')],
    ['by way of another link', () => 'step'],
    ['by way of a folder', () => 'up/key'],
  ])('that leaves the folder is refused: %s', async (_, target) => {
    await writeFile(join(outside, 'key'), 'a private key')
    await symlink('../key', join(model, 'step'))
    await symlink('..', join(model, 'up'))
    await symlink(target(), join(model, 'vocab.json'))
    await expectRefused('vocab.json', {
      code: 'FILE_OUTSIDE_FOLDER',
      hint: expect.stringContaining('put the file itself'),
    })
    await expectRefused(join('up', 'key'), { code: 'FILE_OUTSIDE_FOLDER' })
  })

  test('into a folder whose name only begins alike leaves the folder', async () => {
    await mkdir(join(outside, 'model-of-another'))
    await writeFile(join(outside, 'model-of-another', 'key'), 'a private key')
    await symlink('../model-of-another/key', join(model, 'vocab.json'))
    await expectRefused('vocab.json', { code: 'FILE_OUTSIDE_FOLDER' })
  })

  test('of the hub into its own blobs is followed, from a snapshot and from a folder of downloads', async () => {
    const repository = join(outside, 'models--org--name')
    const digest = 'a'.repeat(40)
    await mkdir(join(repository, 'blobs'), { recursive: true })
    await mkdir(join(repository, 'snapshots', 'main'), { recursive: true })
    await writeFile(join(repository, 'blobs', digest), '{}')
    await symlink(join('..', '..', 'blobs', digest), join(repository, 'snapshots', 'main', 'vocab.json'))
    await symlink(join(repository, 'blobs', digest), join(model, 'vocab.json'))
    expect(await read('vocab.json')).toBe('{}')
    model = join(repository, 'snapshots', 'main')
    expect(await copied('vocab.json')).toBe('{}')
  })

  test('of a snapshot to what is no blob of its repository is refused', async () => {
    const snapshot = join(outside, 'snapshots', 'main')
    await mkdir(snapshot, { recursive: true })
    await mkdir(join(outside, 'private'))
    await writeFile(join(outside, 'private', 'key'), 'a private key')
    // The folder of blobs may come with the archive as well.
    await symlink('private', join(outside, 'blobs'))
    await symlink('../../blobs/key', join(snapshot, 'vocab.json'))
    model = snapshot
    await expectRefused('vocab.json', { code: 'FILE_OUTSIDE_FOLDER' })
  })
})

describe('a limit of bytes', () => {
  test('is met by a file of that size, and not by a larger one', async () => {
    await writeFile(join(model, 'a.json'), 'x'.repeat(100))
    expect(await read('a.json')).toHaveLength(100)
    await writeFile(join(model, 'a.json'), 'x'.repeat(101))
    await expect(read('a.json')).rejects.toMatchObject({ code: 'FILE_TOO_LARGE', found: 101, expected: 100 })
  })

  test.skipIf(!existsSync('/proc/self/status'))('holds for a file that says it is empty', async () => {
    // Files of this kind have a size of 0 and as many bytes as one reads.
    const reading = readModelFile('/proc/self', 'status', limit)
    await expect(reading).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' })
  })
})

test('a file that is replaced while it is read is the old one or the new one', async () => {
  const path = join(model, 'a.json')
  await writeFile(path, 'old')
  const reading = read('a.json')
  await writeFile(join(model, 'b.json'), 'new')
  await rename(join(model, 'b.json'), path)
  expect(['old', 'new']).toContain(await reading)
})
