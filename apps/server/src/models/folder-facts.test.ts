import { mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readFolderFacts } from './folder-facts.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfquant-facts-'))
  await writeFile(join(folder, 'config.json'), '{"model_type": "llama"}')
  for (const name of ['model-1.safetensors', 'model-2.safetensors'])
    await writeFile(join(folder, name), new Uint8Array(10))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it('tells the files of a folder by names, sizes and times', async () => {
  const facts = await readFolderFacts(folder)
  expect(facts).toMatchObject({ weightBytes: 20, format: 'safetensors', family: 'llama' })
  expect(facts.digest).toMatch(/^[0-9a-f]{64}$/)
  expect(await readFolderFacts(folder)).toEqual(facts)
  const later = new Date('2037-01-01T00:00:00Z')
  await utimes(join(folder, 'model-2.safetensors'), later, later)
  const changed = await readFolderFacts(folder)
  expect([changed.modified, changed.weightBytes]).toEqual([later.getTime(), 20])
  expect(changed.digest).not.toBe(facts.digest)
})

it('passes over links that lead nowhere, and a configuration that cannot be read', async () => {
  const { digest } = await readFolderFacts(folder)
  await symlink('nothing', join(folder, 'notes.md'))
  expect((await readFolderFacts(folder)).digest).toBe(digest)
  await writeFile(join(folder, 'config.json'), '{')
  expect(await readFolderFacts(folder)).toMatchObject({ weightBytes: 20, family: '' })
})
