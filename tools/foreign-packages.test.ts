import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  command,
  copyPackage,
  installFrom,
  isWorkspaceMember,
  runScript,
  tiesTo,
} from './foreign-packages.mjs'
import { packPackages } from './pack-packages.mjs'

/** A backend from elsewhere, and one that is a minute old, against the packages as they would be published. */

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const hqq = join(root, 'examples', 'hqq')
// The real path: a temporary folder may be a link.
const outside = realpathSync(mkdtempSync(join(tmpdir(), 'hfquant-foreign-')))
/** Installing takes as long as the registry does; removing hundreds of megabytes takes a while as well. */
const PATIENCE = 600_000
afterAll(() => rmSync(outside, { recursive: true, force: true }), PATIENCE)

let example = ''
let created = ''
beforeAll(async () => {
  const tarballs = packPackages(join(outside, 'tarballs'))
  const generator = tarballs.find(({ name }) => name === 'create-hfquant-backend')!
  await command(outside, 'npx', [
    '--yes',
    `--package=${generator.file}`,
    'create-hfquant-backend',
    'my-rounding',
  ])
  created = join(outside, 'hfquant-backend-my-rounding')
  example = copyPackage(hqq, outside)
  await installFrom(outside, [example, created], tarballs)
}, PATIENCE)

test('ties to this repository are found', () => {
  const folder = join(outside, 'tied')
  mkdirSync(join(folder, 'src'), { recursive: true })
  const dependencies = { '@hfquant/core': 'workspace:*', '@hfquant/kernels': 'file:../../packages/kernels' }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'tied', dependencies }))
  writeFileSync(join(folder, 'tsconfig.json'), '{ "extends": "../../tsconfig.base.json" }')
  const source = `import '../../packages/core/src/index.js'\nimport '@hfquant/onnx'\nimport 'node:fs'\nimport '@hfquant/core'\n`
  writeFileSync(join(folder, 'src', 'index.ts'), source)
  expect(tiesTo(folder)).toEqual([
    'package.json depends on @hfquant/core as "workspace:*", not as a version',
    'package.json depends on @hfquant/kernels as "file:../../packages/kernels", not as a version',
    'src/index.ts imports ../../packages/core/src/index.js: it is outside of the package',
    'src/index.ts imports @hfquant/onnx: package.json does not depend on it',
    'tsconfig.json imports ../../tsconfig.base.json: it is outside of the package',
  ])
})

describe('examples/hqq', () => {
  test('has no ties to this repository', () => {
    expect(tiesTo(hqq)).toEqual([])
    expect(isWorkspaceMember(root, hqq)).toBe(false)
    expect(isWorkspaceMember(root, join(root, 'packages', 'core'))).toBe(true)
  })

  test(
    'installed from tarballs, it builds, has correct types and passes its tests',
    async () => {
      await runScript(example, 'build')
      await runScript(example, 'typecheck')
      await runScript(example, 'test')
    },
    PATIENCE,
  )
})

describe('a package that was just created', () => {
  test('has at most six files, and no ties to this repository', () => {
    const files = readdirSync(created, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    )
    expect(files.length).toBeLessThanOrEqual(6)
    expect(tiesTo(created)).toEqual([])
  })

  test(
    'installed from tarballs, it builds, has correct types and passes its tests',
    async () => {
      await runScript(created, 'build')
      await runScript(created, 'typecheck')
      await runScript(created, 'test')
    },
    PATIENCE,
  )
})
