/**
 * Type-checks every package, with its tests, and writes the types of those that have a build beside their code. All of
 * them are one program: the library of Node and the packages below are read once.
 *
 *   node tools/emit-types.mjs          after a build; prints what the compiler says, exits with its status
 */

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from './compile.mjs'
import { importsOf } from './imports-of.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

const made = mkdtempSync(join(tmpdir(), 'hfquant-types-'))
try {
  const emitting = ['--noEmit', 'false', '--emitDeclarationOnly', '--rootDir', root, '--outDir', made]
  const { status, output } = compile(['--project', root, ...emitting])
  if (output !== '') console.error(output)
  for (const name of readdirSync(join(root, 'packages'))) takeTypes(join('packages', name))
  // Of the apps, the one that is a library, too.
  takeTypes(join('apps', 'server'))
  process.exitCode = status
} finally {
  rmSync(made, { recursive: true, force: true })
}

/** Takes what the doors of a package lead to, in place of what an earlier run has left. */
function takeTypes(folder) {
  const [source, target] = [join(made, folder, 'src'), join(root, folder, 'dist')]
  if (!existsSync(source) || !existsSync(target)) return
  for (const path of readdirSync(target, { recursive: true })) {
    if (path.endsWith('.d.ts')) rmSync(join(target, path))
  }
  for (const path of reachable(source, doorsOf(folder))) cpSync(join(source, path), join(target, path))
}

/** Paths below `dist`. */
function doorsOf(folder) {
  const { exports = {} } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  return Object.values(exports).flatMap(({ types }) =>
    types === undefined ? [] : [types.slice('./dist/'.length)],
  )
}

function reachable(folder, doors) {
  const found = new Set(doors)
  for (const path of found) {
    const imports = importsOf(path, readFileSync(join(folder, path), 'utf8'))
    for (const { specifier } of imports) {
      if (specifier.startsWith('.')) found.add(join(dirname(path), specifier.replace(/\.js$/, '.d.ts')))
    }
  }
  return found
}
