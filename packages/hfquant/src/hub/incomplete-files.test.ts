import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { giveUp, incompleteName, removeLeftBehind } from './incomplete-files.js'

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>()
  return { ...actual, rm: vi.fn(actual.rm) }
})

it('what cannot be removed stays, and nobody hears of it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-incomplete-'))
  const path = join(folder, 'blob')
  const temporary = incompleteName(path)
  await writeFile(temporary, 'half')
  await giveUp(temporary, path)
  await writeFile(path, 'whole')
  // As Windows answers for a file that somebody reads.
  vi.mocked(rm).mockRejectedValue(Object.assign(new Error('busy'), { code: 'EBUSY' }))
  await removeLeftBehind(folder)
  expect(rm).toHaveBeenCalledWith(expect.stringContaining('hfquant-left-'), expect.anything())
  vi.mocked(rm).mockRestore()
  await removeLeftBehind(folder)
  expect((await readdir(folder)).filter((name) => name.includes('left'))).toEqual([])
  await rm(folder, { recursive: true })
})
