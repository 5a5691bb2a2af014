import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { installedFile, KernelError } from './index.js'

it('finds a file of the package that asks', () => {
  expect(existsSync(installedFile('@hfquant/kernels/worker', import.meta.url))).toBe(true)
})

it.each([
  ['an ES module somewhere else', pathToFileURL(join(tmpdir(), 'bundle.mjs')).href],
  ['CommonJS, where no file has an address', undefined],
])('says what to keep out of a bundle when the code was bundled into %s', (_, from) => {
  let error: unknown
  try {
    installedFile('@hfquant/kernels/worker', from)
  } catch (thrown) {
    error = thrown
  }
  expect(KernelError.isInstance(error)).toBe(false)
  expect(error).toMatchObject({
    code: 'PACKAGE_BUNDLED',
    message: expect.stringContaining('"@hfquant/kernels/worker"'),
    hint: expect.stringContaining('--packages=external'),
  })
})
