import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../testing/checkpoint.fixture.js'
import { runCli } from '../testing/run-cli.fixture.js'

const root = temporaryFolder()

describe('doctor', () => {
  it('reports a machine that is in order', async () => {
    const folder = join(root, 'cache')
    const { status, stdout } = await runCli(['doctor', '--json'], { HFQUANT_CACHE: folder })
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      problems: [],
      runtime: {
        node: process.versions.node,
        onnxruntime: expect.stringMatching(/^\d+\.\d+\.\d+$/),
        loads: true,
      },
      cpu: { model: expect.any(String), features: expect.any(Array) },
      cores: expect.any(Number),
      memory: { total: expect.any(Number), free: expect.any(Number) },
      devices: ['cpu'],
      cache: { folder: expect.stringContaining(folder), writable: true },
      backends: expect.arrayContaining([
        {
          method: 'torchao',
          packageName: '@hfquant/torchao',
          recipes: expect.arrayContaining(['int8-weight-only']),
        },
      ]),
    })
  })

  it('names a cache folder that cannot be written, and exits with 1', async () => {
    const file = join(root, 'file')
    writeFileSync(file, '')
    const { status, stdout } = await runCli(['doctor'], { HFQUANT_CACHE: join(file, 'cache') })
    expect(status).toBe(1)
    expect(stdout).toMatch(/^problem: the cache folder .*HFQUANT_CACHE/m)
    expect(stdout).toMatch(/^mxfp4 +loads what is quantized$/m)
  })
})
