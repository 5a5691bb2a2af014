import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { workTag } from '../files/work-tag.js'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { cacheFolder, isCacheFolder, openCacheFolder } from './cache-folder.js'
import { createScratchFolder, createTemporaryFolder, createWorkFolder } from './work-folder.js'

const root = temporaryFolder(afterAll)
afterEach(() => vi.unstubAllEnvs())
let folders = 0
/** A cache folder below one that the user names, which holds things of theirs. */
async function newCache(): Promise<string> {
  vi.stubEnv('HFQUANT_CACHE', join(root, `${++folders}`))
  await mkdir(join(process.env.HFQUANT_CACHE!, 'work', 'thesis'), { recursive: true })
  return cacheFolder()
}

const ENDED = workTag().replace(/^\d+/, '999999999')

describe('a cache folder', () => {
  test('is a folder of its own below the one that the user names, and is marked', async () => {
    const cache = await newCache()
    expect(dirname(cache)).toBe(process.env.HFQUANT_CACHE)
    await openCacheFolder(cache)
    await openCacheFolder(cache)
    expect(await isCacheFolder(cache)).toBe(true)
    expect(await readdir(cache)).toEqual(['CACHEDIR.TAG'])
    expect((await readdir(dirname(cache))).sort()).toEqual([expect.stringMatching(/^hfquant-cache/), 'work'])
  })

  test('that holds things and has no mark is not used', async () => {
    const cache = await newCache()
    await mkdir(join(cache, 'work', ENDED), { recursive: true })
    await chmod(cache, 0o700)
    await expect(createWorkFolder(cache)).rejects.toMatchObject({ code: 'CACHE_NOT_OURS', file: cache })
    expect(await readdir(join(cache, 'work'))).toEqual([ENDED])
  })

  test.skipIf(process.getuid === undefined)(
    'that others can write, or that is a link, is not used',
    async () => {
      const cache = await newCache()
      await openCacheFolder(cache)
      const user = process.getuid!()
      const shared = user === 0 ? 1 : process.getgroups!().find((group) => group !== user)
      for (const mode of shared === undefined ? [0o777] : [0o777, 0o720]) {
        if (shared !== undefined) await chown(cache, user, shared)
        await chmod(cache, mode)
        expect(await isCacheFolder(cache)).toBe(false)
        await expect(createWorkFolder(cache)).rejects.toMatchObject({ code: 'CACHE_UNTRUSTED' })
      }
      const other = await newCache()
      await openCacheFolder(other)
      const linked = await newCache()
      await symlink(other, linked)
      expect(await isCacheFolder(linked)).toBe(false)
      await expect(createWorkFolder(linked)).rejects.toMatchObject({ code: 'CACHE_UNTRUSTED' })
    },
  )
})

describe('work folders', () => {
  test('of processes that ended go with the next one; everything else stays, whatever its age', async () => {
    const cache = await newCache()
    const running = await createWorkFolder(cache)
    for (const name of [ENDED, 'thesis', 'photos.2024', '999999999.0000.uuid'])
      await mkdir(join(cache, 'work', name))
    for (const name of ['thesis', 'photos.2024']) await utimes(join(cache, 'work', name), 1, 1)
    await (await createWorkFolder(cache)).remove()
    expect((await readdir(join(cache, 'work'))).map((name) => join(cache, 'work', name)).sort()).toEqual(
      [
        running.path,
        ...['thesis', 'photos.2024', '999999999.0000.uuid'].map((name) => join(cache, 'work', name)),
      ].sort(),
    )
  })

  test('are never removed through a link', async () => {
    const cache = await newCache()
    await openCacheFolder(cache)
    const documents = join(root, 'documents')
    await mkdir(join(documents, ENDED), { recursive: true })
    await symlink(documents, join(cache, 'work'))
    await expect(createWorkFolder(cache)).rejects.toMatchObject({ code: 'CACHE_UNTRUSTED' })
    expect(await readdir(documents)).toEqual([ENDED])
    await rm(join(cache, 'work'))
    await (await createWorkFolder(cache)).remove()
    await symlink(documents, join(cache, 'work', ENDED))
    await (await createWorkFolder(cache)).remove()
    expect(await readdir(documents)).toEqual([ENDED])
  })

  test('lie in the folder for temporary files where there is no cache, and have names that nobody can take', async () => {
    const temporary = join(root, 'tmp')
    await mkdir(temporary)
    vi.stubEnv('TMPDIR', temporary)
    await writeFile(join(root, 'file'), '')
    await writeFile(join(temporary, 'hfquant'), 'somebody was here first')
    const cache = join(root, 'file', 'cache')
    const [one, two] = [await createScratchFolder(cache), await createScratchFolder(cache)]
    expect(one.path).not.toBe(two.path)
    expect(dirname(one.path)).toBe(temporary)
    for (const folder of [one, two]) await folder.remove()
    expect(await readdir(temporary)).toEqual(['hfquant'])
    const left = join(temporary, `hfquant-work-${ENDED}-abcdef`)
    await mkdir(left)
    await (await createTemporaryFolder()).remove()
    expect(existsSync(left)).toBe(false)
  })
})
