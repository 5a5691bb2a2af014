import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { checkChangesets, checkTarball } from './check-packages.mjs'

const manifest = {
  ...{ version: '1.0.0', description: 'A package', license: 'Apache-2.0', engines: { node: '>=20' } },
  files: ['dist', 'bin'],
  exports: {
    '.': { types: './dist/index.d.ts', default: './dist/index.js' },
    './worker': './dist/worker.js',
  },
}
const files = [
  ...['package.json', 'README.md', 'LICENSE'],
  ...['dist/index.js', 'dist/index.d.ts', 'dist/worker.js'],
]
const tarball = { name: '@hfquant/sound', manifest, files, size: 20_000 }

describe('a tarball', () => {
  test('that is sound has no problems', () => expect(checkTarball(tarball)).toEqual([]))

  test.each([
    [
      'a door that leads nowhere',
      { files: files.filter((file) => file !== 'dist/worker.js') },
      './dist/worker.js',
    ],
    ['missing types', { files: files.filter((file) => file !== 'dist/index.d.ts') }, './dist/index.d.ts'],
    [
      'a command that is not inside',
      { manifest: { ...manifest, bin: { sound: 'bin/sound.js' } } },
      'bin "sound"',
    ],
    ['no licence', { files: files.filter((file) => file !== 'LICENSE') }, 'has no LICENSE'],
    ['a test', { files: [...files, 'dist/index.test.js'] }, 'dist/index.test.js, which is of no use'],
    ['a stray file', { files: [...files, '.env'] }, 'holds .env, which "files" does not name'],
    ['no description', { manifest: { ...manifest, description: undefined } }, 'no "description"'],
    ['too much', { size: 10 ** 9 }, 'more than its budget of 160'],
  ])('with %s is a problem', (_what, change, text) => {
    expect(checkTarball({ ...tarball, ...change }).join('\n')).toContain(text)
  })
})

describe('changesets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hfquant-changesets-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const check = (text: string) => {
    writeFileSync(join(folder, 'one.md'), text)
    return checkChangesets(folder, new Set(['@hfquant/sound']))
  }

  test('name packages that are published, and a step', () => {
    expect(check('---\n"@hfquant/sound": minor\n---\n\nA change.\n')).toEqual([])
    expect(check('---\n"@hfquant/other": minor\n---\n')).toEqual([
      '.changeset/one.md names @hfquant/other, which is not published',
    ])
    expect(check('---\n"@hfquant/sound": huge\n---\n')).toHaveLength(1)
    expect(check('A change.\n')).toHaveLength(1)
  })
})
