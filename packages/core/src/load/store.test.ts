import { closeSync, fstatSync, readFileSync, writeSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { openUnnamed } from './store.js'

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>()
  return { ...actual, rm: vi.fn(actual.rm) }
})

const root = temporaryFolder(afterAll)

it('a file without a name is opened though its folder stays, as on network file systems', async () => {
  vi.mocked(rm).mockRejectedValueOnce(Object.assign(new Error('not empty'), { code: 'ENOTEMPTY' }))
  const file = await openUnnamed(join(root, 'cache'))
  expect(rm).toHaveBeenCalledTimes(1)
  expect(fstatSync(file).nlink).toBe(0)
  writeSync(file, 'weights', 0)
  expect(readFileSync(file, 'utf8')).toBe('weights')
  closeSync(file)
})
