import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const COMPILER = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin',
  'tsc',
)

/** Runs the compiler. @returns its exit status, and what it says: a line for each error. */
export function compile(args) {
  const { status, stdout, error } = spawnSync(process.execPath, [COMPILER, ...args, '--pretty', 'false'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  if (error !== undefined) throw error
  return { status: status ?? 1, output: stdout.trimEnd() }
}
