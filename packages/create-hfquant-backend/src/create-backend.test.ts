import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { CreateError, createBackend } from './create-backend.js'

// What is written is installed and tested in tools/foreign-packages.test.ts.

const folder = mkdtempSync(join(tmpdir(), 'hfquant-create-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('a new package', () => {
  test('is named so that its method is found', async () => {
    const { packageName, quantMethod, files } = await createBackend('tiny-steps', folder)
    expect([packageName, quantMethod]).toEqual(['hfquant-backend-tiny-steps', 'tiny_steps'])
    const source = ['src/format.ts', 'src/index.test.ts', 'src/index.ts']
    expect(files).toEqual(['README.md', 'package.json', ...source, 'tsconfig.json'])
  })

  test('has nothing left of the name in the template', async () => {
    const created = await createBackend('hfquant-backend-other', folder)
    for (const file of created.files) {
      expect(readFileSync(join(created.folder, file), 'utf8'), file).not.toMatch(/my.?method/i)
    }
    const source = readFileSync(join(created.folder, 'src', 'index.ts'), 'utf8')
    expect(source).toContain("quantMethod: 'other'")
  })
})

test('a new package depends on the version that this one has', async () => {
  const { folder: made } = await createBackend('dated', folder)
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const { peerDependencies, devDependencies } = JSON.parse(readFileSync(join(made, 'package.json'), 'utf8'))
  expect(peerDependencies).toEqual({ '@hfquant/core': `^${version}` })
  expect(devDependencies).toMatchObject({ '@hfquant/testkit': `^${version}`, hfquant: `^${version}` })
})

describe('is refused', () => {
  test.each(['', 'My-Method', 'my_method', '4bit', '-x', 'x-', 'a--b', '../x', 'a/b'])(
    'the name "%s"',
    async (name) => {
      await expect(createBackend(name, folder)).rejects.toThrow(CreateError)
    },
  )

  test('a folder that has something in it', async () => {
    await createBackend('twice', folder)
    await expect(createBackend('twice', folder)).rejects.toThrow('is not empty')
  })
})
