import { createHash } from 'node:crypto'
import { chmodSync, closeSync, openSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { fileDigests, joinDigests } from './file-digests.js'

const root = temporaryFolder(afterAll)
const cache = join(root, 'cache')
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

async function withFile<Result>(path: string, use: (fd: number) => Promise<Result>): Promise<Result> {
  const fd = openSync(path, 'r')
  try {
    return await use(fd)
  } finally {
    closeSync(fd)
  }
}

test('a file is read once: what was found is noted until the file changes, whatever its time of modification', async () => {
  const path = join(root, 'weights')
  writeFileSync(path, 'one')
  utimesSync(path, 1, 1)
  await setTimeout(100)
  const digests = fileDigests(cache)
  expect(await withFile(path, digests.known)).toBeUndefined()
  expect(await withFile(path, digests.of)).toBe(joinDigests([sha256('one')]))
  expect(await withFile(path, digests.known)).toBe(joinDigests([sha256('one')]))
  expect(readFileSync(join(cache, 'digests.json'), 'utf8')).toContain(String(statSync(path).ino))
  writeFileSync(path, 'two')
  utimesSync(path, 1, 1)
  expect(await withFile(path, digests.known)).toBeUndefined()
  expect(await withFile(path, digests.of)).toBe(joinDigests([sha256('two')]))
})

test('a digest is not noted of a file that changed a moment ago', async () => {
  const path = join(root, 'fresh')
  writeFileSync(path, 'one')
  const digests = fileDigests(cache)
  await withFile(path, digests.of)
  expect(await withFile(path, digests.known)).toBeUndefined()
})

test.skipIf(process.getuid === undefined)(
  'notes that others could have written are not believed',
  async () => {
    const path = join(root, 'trusted')
    writeFileSync(path, 'one')
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    const notes = join(cache, 'digests.json')
    writeFileSync(notes, JSON.stringify([[[dev, ino, size, mtimeNs, ctimeNs].join(), 'forged']]))
    expect(await withFile(path, fileDigests(cache).known)).toBe('forged')
    chmodSync(notes, 0o666)
    expect(await withFile(path, fileDigests(cache).known)).toBeUndefined()
  },
)
