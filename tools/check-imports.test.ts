import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { checkImports } from './check-imports.mjs'

const created: string[] = []
afterEach(() => {
  for (const folder of created.splice(0)) rmSync(folder, { recursive: true })
})

const manifest = (name: string, fields: object = {}) =>
  JSON.stringify({ name, exports: { '.': {}, './extra': {} }, ...fields }, undefined, 2)

/** A small workspace without a violation; `files` are added to it or replace some of it. */
function violationsWith(files: Record<string, string>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'hfquant-imports-'))
  created.push(root)
  const tree: Record<string, string> = {
    'package.json': manifest('workspace', { devDependencies: { vitest: '1' } }),
    'packages/kernels/package.json': manifest('@hfquant/kernels'),
    'packages/kernels/src/index.ts': `import { cpus } from 'node:os'\nexport const count = cpus().length\n`,
    'packages/core/package.json': manifest('@hfquant/core', {
      dependencies: { '@hfquant/kernels': 'workspace:*' },
    }),
    'packages/core/src/index.ts': `export { count } from '@hfquant/kernels'\nexport * from './contract/types.js'\n`,
    'packages/core/src/contract/types.ts': `export type { B } from './b.js'\n`,
    'packages/core/src/contract/b.ts': 'export interface B { readonly b: number }\n',
    'packages/core/src/index.test.ts': `import { it } from 'vitest'\n// gptq\n`,
    'packages/torchao/package.json': manifest('@hfquant/torchao', {
      dependencies: { '@hfquant/core': 'workspace:*', outsider: '1' },
    }),
    'packages/torchao/src/index.ts': `import outsider from 'outsider/sub'\nexport const a = import('@hfquant/core/extra')\n`,
    'apps/cli/package.json': manifest('@hfquant/cli'),
    'apps/cli/src/index.ts': `// import '@hfquant/core'\nexport const text = "from '@hfquant/core'"\n`,
    ...files,
  }
  for (const [path, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return checkImports(root)
}

describe('the import rules', () => {
  it('find nothing in a tree that keeps them', () => {
    expect(violationsWith({})).toEqual([])
  })

  it('hold the door of a method', () => {
    const text = `import { a } from '@hfquant/core/runtime'\n`
    expect(violationsWith({ 'packages/torchao/src/more.ts': text })).toEqual([
      'packages/torchao/src/more.ts:1 imports @hfquant/core/runtime: not allowed, a method needs no more than @hfquant/core',
    ])
  })

  it.each([
    ['static', `import { a } from '@hfquant/torchao'`],
    ['type-only', `import type { A } from '@hfquant/torchao'`],
    ['re-exported', `export { a } from '@hfquant/torchao'`],
    ['dynamic', `const a = import('@hfquant/torchao')`],
    ['in a type', `type A = import('@hfquant/torchao').A`],
    ['for its effects', `import '@hfquant/torchao'`],
  ])('hold the arrows for an import that is %s', (_, statement) => {
    expect(violationsWith({ 'apps/cli/src/extra.ts': `\n\n${statement}\n` })).toEqual([
      'apps/cli/src/extra.ts:3 imports @hfquant/torchao: not allowed, may import hfquant, @hfquant/server',
    ])
  })

  it('let nobody import upwards, tests included', () => {
    const upwards = `import { a } from '@hfquant/core'\n`
    expect(
      violationsWith({ 'packages/kernels/src/a.ts': upwards, 'packages/kernels/src/a.test.ts': upwards }),
    ).toEqual([
      'packages/kernels/src/a.test.ts:1 imports @hfquant/core: not allowed, may import nothing of this workspace',
      'packages/kernels/src/a.ts:1 imports @hfquant/core: not allowed, may import nothing of this workspace',
    ])
  })

  it.each([
    ['@hfquant/core/dist/index.js', 'not allowed, may import @hfquant/core, @hfquant/core/extra'],
    ['@hfquant/core/src/index.js', 'not allowed, may import @hfquant/core, @hfquant/core/extra'],
    ['../../core/src/index.js', 'not allowed, may import other packages by name only'],
    ['os', 'not allowed, write node:os'],
    ['unheard-of', 'not allowed, may import what package.json depends on'],
    ['vitest', 'not allowed, may import what package.json depends on'],
    ['@hfquant/kernels', 'not allowed, package.json does not depend on it'],
  ])('refuse %s in a backend', (specifier, problem) => {
    expect(violationsWith({ 'packages/torchao/src/extra.ts': `import '${specifier}'\n` })).toEqual([
      `packages/torchao/src/extra.ts:1 imports ${specifier}: ${problem}`,
    ])
  })

  it('keep packages without outsiders free of them, in code and in package.json', () => {
    expect(
      violationsWith({
        'packages/kernels/package.json': manifest('@hfquant/kernels', { dependencies: { outsider: '1' } }),
        'packages/kernels/src/extra.ts': `import outsider from 'outsider'\n`,
      }),
    ).toEqual([
      'packages/kernels/src/extra.ts:1 imports outsider: not allowed, may import nothing from outside',
      'packages/kernels/package.json:8 depends on outsider: not allowed, may depend on nothing from outside',
    ])
  })

  it('report dependencies that nothing imports', () => {
    expect(
      violationsWith({ 'apps/cli/package.json': manifest('@hfquant/cli', { dependencies: { idle: '1' } }) }),
    ).toEqual(['apps/cli/package.json:8 depends on idle: not allowed, no source file imports it'])
  })

  it('keep the names of backends out of core', () => {
    expect(
      violationsWith({ 'packages/core/src/extra.ts': `export const a = 1\nconst b = 'autoGPTQ'\n` }),
    ).toEqual(['packages/core/src/extra.ts:2 names GPTQ: not allowed, core knows no backend'])
  })

  it.each(['../index.js', '@hfquant/kernels', 'node:fs'])(
    'let the contract stand alone: no %s',
    (specifier) => {
      expect(violationsWith({ 'packages/core/src/contract/extra.ts': `import '${specifier}'\n` })).toEqual([
        `packages/core/src/contract/extra.ts:1 imports ${specifier}: not allowed, may import nothing outside of contract/`,
      ])
    },
  )

  it('let a test import what the package or the workspace installs for tests', () => {
    const test = `import { it } from 'vitest'\nimport '@hfquant/torchao'\nimport 'tool'\n`
    const development = { '@hfquant/torchao': 'workspace:*', tool: '1' }
    expect(
      violationsWith({
        'apps/cli/package.json': manifest('@hfquant/cli', { devDependencies: development }),
        'apps/cli/src/index.test.ts': test,
      }),
    ).toEqual([])
    expect(violationsWith({ 'apps/cli/src/index.test.ts': test })).toHaveLength(2)
  })

  it('ask for a place in the table for every package', () => {
    expect(
      violationsWith({
        'packages/new/package.json': manifest('@hfquant/new'),
        'packages/new/src/index.ts': '',
      }),
    ).toEqual(['packages/new/package.json:1 names @hfquant/new: not in the table of tools/check-imports.mjs'])
  })

  it('hold in this repository', () => {
    expect(checkImports(join(dirname(fileURLToPath(import.meta.url)), '..'))).toEqual([])
  })
})
