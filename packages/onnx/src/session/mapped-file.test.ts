import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import * as files from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { findMappedFile } from './mapped-file.js'

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof files>()
  return { ...actual, readFile: vi.fn(actual.readFile) }
})

const folder = mkdtempSync(join(tmpdir(), 'hfquant-mapped-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const path = join(folder, 'weights')
writeFileSync(path, 'weights')

/** One area, as Linux describes it. */
const area = (inode: string, name: string) => `7f00-8f00 r--s 00001000 08:01 ${inode} ${name}
Size:                  8 kB
Rss:                   4 kB
Pss:                   2 kB
`

test('counts what is mapped of a file, which may have been deleted, and nothing else', async () => {
  const { ino } = await files.stat(path, { bigint: true })
  const areas = area(`${ino}`, `${path} (deleted)`) + area(`${ino}`, '/other') + area('1', path)
  vi.mocked(files.readFile).mockResolvedValueOnce(areas)
  const { size, mapping } = await findMappedFile(path)
  expect(size).toBe(7)
  expect(await mapping()).toEqual({ mapped: 8192, resident: 4096, proportional: 2048 })
})

test('nothing is mapped of a file that no area belongs to, or that there is not', async () => {
  const nothing = { mapped: 0, resident: 0, proportional: 0 }
  vi.mocked(files.readFile).mockResolvedValueOnce(area('1', '/other'))
  expect(await (await findMappedFile(path)).mapping()).toEqual(nothing)
  const absent = await findMappedFile(join(folder, 'absent'))
  expect([absent.size, await absent.mapping()]).toEqual([0, nothing])
})

test('what is mapped is unknown where the system does not tell', async () => {
  vi.mocked(files.readFile).mockRejectedValueOnce(new Error('ENOENT'))
  expect(await (await findMappedFile(path)).mapping()).toBeNull()
})
