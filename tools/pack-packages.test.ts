import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { missingTargets, withCommand } from './pack-packages.mjs'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-pack-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a package that was built without its types is not packed', () => {
  const manifest = {
    name: '@hfquant/sound',
    exports: {
      '.': { types: './dist/index.d.ts', default: './dist/index.js' },
      './worker': './dist/worker.js',
    },
    bin: { sound: './bin/sound.js' },
  }
  for (const parent of ['dist', 'bin']) mkdirSync(join(folder, parent))
  for (const file of ['dist/index.js', 'dist/worker.js', 'bin/sound.js'])
    writeFileSync(join(folder, file), '')
  expect(missingTargets({ folder, manifest })).toEqual(['@hfquant/sound ./dist/index.d.ts'])
  writeFileSync(join(folder, 'dist/index.d.ts'), '')
  expect(missingTargets({ folder, manifest })).toEqual([])
})

test('the command comes with the package of its name, and brings what it depends on', () => {
  const manifest = { name: 'hfquant', files: ['dist'], dependencies: { '@hfquant/core': '0.1.0' } }
  const command = {
    files: ['bin', 'dist'],
    bin: { hfquant: './bin/hfquant.js' },
    dependencies: { hfquant: '0.1.0', commander: '^14.0.0' },
  }
  expect(withCommand(manifest, command)).toEqual({
    name: 'hfquant',
    files: ['dist', 'bin'],
    bin: { hfquant: './bin/hfquant.js' },
    dependencies: { '@hfquant/core': '0.1.0', commander: '^14.0.0' },
  })
})
