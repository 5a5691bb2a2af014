/**
 * Type-checks every package, with its tests, and writes the types of those that have a build beside their code. All of
 * them are one program: the library of Node and the packages below are read once.
 *
 *   node tools/emit-types.mjs          after a build; prints what the compiler says, exits with its status
 */

import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from './compile.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** What no door of a package leads to. */
const OF_TESTS = /(\.(test|fixture|arbitrary)\.d\.ts|[\\/]testing)$/

const made = mkdtempSync(join(tmpdir(), 'hfquant-types-'))
try {
  const emitting = ['--noEmit', 'false', '--emitDeclarationOnly', '--rootDir', root, '--outDir', made]
  const { status, output } = compile(['--project', root, ...emitting])
  if (output !== '') console.error(output)
  for (const name of readdirSync(join(root, 'packages'))) takeTypes(name)
  process.exitCode = status
} finally {
  rmSync(made, { recursive: true, force: true })
}

function takeTypes(name) {
  const [source, target] = [join(made, 'packages', name, 'src'), join(root, 'packages', name, 'dist')]
  if (!existsSync(source) || !existsSync(target)) return
  for (const path of readdirSync(target, { recursive: true })) {
    if (path.endsWith('.d.ts')) rmSync(join(target, path))
  }
  cpSync(source, target, { recursive: true, filter: (path) => !OF_TESTS.test(path) })
}
