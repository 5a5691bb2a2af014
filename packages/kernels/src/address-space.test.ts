import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** As a user of the package would write it: a kernel on this thread, and one in the pool. */
const PROGRAM = `
  import { createKernelPool, runKernel } from '@hfquant/kernels'
  const range = { buffer: new SharedArrayBuffer(4), byteOffset: 0, byteLength: 4 }
  const task = { kernel: 'copy', params: {}, inputs: [range], outputs: [range] }
  const here = () => runKernel('copy', {}, [new Uint8Array(4)], [new Uint8Array(4)])
  const inPool = () => createKernelPool({ workers: 1 }).run(task)
  for (const call of [here, inPool]) {
    try {
      await call()
      console.log('computed')
    } catch (error) {
      console.log(error.code, error[Symbol.for('hfquant.error.family')], error.hint)
    }
  }
`

// Other systems have no such limit.
test.runIf(process.platform === 'linux')('a limit of addresses is an unfit environment', async () => {
  const limited = `ulimit -v 8388608 && exec "$0" --input-type=module -e "$1"`
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const { stdout } = await promisify(execFile)('bash', ['-c', limited, process.execPath, PROGRAM], { cwd })
  const line = /^ADDRESS_SPACE hfquant\.environment\.address-space .*ulimit -v unlimited/
  expect(stdout.trimEnd().split('\n')).toEqual([expect.stringMatching(line), expect.stringMatching(line)])
})
