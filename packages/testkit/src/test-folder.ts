import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'

/**
 * A folder for the length of a test file, with a cache of its own in it: a compiled model is named after its weights, and
 * in a cache that others use it may stand under the name of another folder.
 */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hfquant-test-'))
  const callers = process.env.HFQUANT_CACHE
  beforeAll(() => {
    process.env.HFQUANT_CACHE = join(folder, 'cache')
  })
  afterAll(() => {
    if (callers === undefined) delete process.env.HFQUANT_CACHE
    else process.env.HFQUANT_CACHE = callers
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}
