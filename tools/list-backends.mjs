/**
 * Writes the list of the backends that come with hfquant, packages/hfquant/src/shipped-backends.ts: every package whose
 * package.json says `"hfquant": { "backend": N }`, by N, which is its place wherever backends are listed.
 *
 *   node tools/list-backends.mjs
 */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Where the list is kept. */
export const BACKEND_LIST = join(root, 'packages', 'hfquant', 'src', 'shipped-backends.ts')

/** Names of the packages, in the order of the list. */
export function backendPackages(workspace = root) {
  return readdirSync(join(workspace, 'packages'))
    .map((folder) => join(workspace, 'packages', folder, 'package.json'))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, 'utf8')))
    .filter(({ hfquant }) => hfquant?.backend !== undefined)
    .sort((a, b) => a.hfquant.backend - b.hfquant.backend)
    .map(({ name }) => name)
}

/** The list as a module. */
export function backendList() {
  const entries = backendPackages().map((name) => ({
    name,
    signs: camelCase(name.slice(name.indexOf('/') + 1)),
  }))
  const imports = entries.map(({ name, signs }) => ({ path: `${name}/signs`, signs }))
  imports.sort((a, b) => (a.path < b.path ? -1 : 1))
  return `${[
    '// Made by tools/list-backends.mjs.',
    ...imports.map(({ path, signs }) => `import { signs as ${signs} } from '${path}'`),
    "import type { ShippedPackage } from './backends.js'",
    '',
    'export const shippedBackends: readonly ShippedPackage[] = [',
    ...entries.flatMap(({ name, signs }) => [
      '  {',
      `    packageName: '${name}',`,
      `    signs: ${signs},`,
      `    import: () => import('${name}'),`,
      '  },',
    ]),
    ']',
  ].join('\n')}\n`
}

const camelCase = (name) => name.replaceAll(/-(\w)/g, (_, letter) => letter.toUpperCase())

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(BACKEND_LIST, backendList())
