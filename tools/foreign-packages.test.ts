import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
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

/** A backend, a family and a program from elsewhere, and backends a minute old, against the packages as they would be published. */

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const EXAMPLES = ['hqq', 'persimmon', 'ai-sdk']
const sourceOf = (example: string) => join(root, 'examples', example)
// The real path: a temporary folder may be a link.
const outside = realpathSync(mkdtempSync(join(tmpdir(), 'hfquant-foreign-')))
/** Installing takes as long as the registry does; removing hundreds of megabytes takes a while as well. */
const PATIENCE = 600_000
afterAll(() => rmSync(outside, { recursive: true, force: true }), PATIENCE)

/** Where each example is installed. */
const installed = new Map<string, string>()
let created = ''
let faster = ''
beforeAll(async () => {
  const tarballs = packPackages(join(outside, 'tarballs'))
  const generator = tarballs.find(({ name }) => name === 'create-hfquant-backend')!
  const create = async (name: string) => {
    await command(outside, 'npx', ['--yes', `--package=${generator.file}`, 'create-hfquant-backend', name])
    return join(outside, `hfquant-backend-${name}`)
  }
  created = await create('my-rounding')
  faster = await create('my-groups')
  addKernelOfGuide(faster)
  for (const example of EXAMPLES) installed.set(example, copyPackage(sourceOf(example), outside))
  await installFrom(outside, [...installed.values(), created, faster], tarballs)
}, PATIENCE)

/** What the section "Speed" of the guide says, done to a package that was just created. */
function addKernelOfGuide(folder: string): void {
  const guide = readFileSync(join(root, 'docs', 'write-a-backend.md'), 'utf8')
  const block = (label: string) => {
    const [, code] = guide.split(`\`\`\`ts ${label}\n`)
    if (code === undefined) throw new Error(`the guide has no block "${label}"`)
    return code.slice(0, code.indexOf('```'))
  }
  const edit = (path: string, change: (text: string) => string) => {
    const file = join(folder, path)
    writeFileSync(file, change(readFileSync(file, 'utf8')))
  }
  writeFileSync(join(folder, 'src', 'kernels.ts'), block('new src/kernels.ts'))
  edit('src/format.ts', (text) =>
    text
      .replace('  dequantize(', `${block('into src/format.ts')}\n  dequantize(`)
      .replace(/^function (?=roundGroup)/m, 'export function '),
  )
  const [, script] = /`"test": "(.*?)"`/.exec(guide)!
  edit('package.json', (text) => {
    const { scripts, peerDependencies, ...manifest } = JSON.parse(text)
    const dependencies = { '@hfquant/kernels': peerDependencies['@hfquant/core'] }
    return JSON.stringify({
      ...{ ...manifest, peerDependencies, dependencies },
      scripts: { ...scripts, test: script },
    })
  })
}

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

test('members of the workspace are known', () => {
  expect(isWorkspaceMember(root, join(root, 'packages', 'core'))).toBe(true)
})

describe.each(EXAMPLES)('examples/%s', (example) => {
  test('has no ties to this repository', () => {
    expect(tiesTo(sourceOf(example))).toEqual([])
    expect(isWorkspaceMember(root, sourceOf(example))).toBe(false)
  })

  test(
    'installed from tarballs, it builds, has correct types and passes its tests',
    async () => {
      for (const script of ['build', 'typecheck', 'test']) await runScript(installed.get(example)!, script)
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

test(
  'the kernel of the guide gives the bytes of the formula',
  async () => {
    expect(tiesTo(faster)).toEqual([])
    await runScript(faster, 'typecheck')
    const output = await command(faster, 'npm', ['test', '--', '-t', 'kernel'])
    expect(output).toMatch(/2 passed/)
  },
  PATIENCE,
)
