import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from './compile.mjs'

/**
 * Compiles a folder.
 *
 * @param config what its tsconfig.json says; it is written.
 * @returns a line for each error.
 */
export function typeErrors(folder, config) {
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const { status, output } = compile(['--project', folder])
  return status === 0 ? [] : (output || `the compiler ended with ${status}`).split('\n')
}
