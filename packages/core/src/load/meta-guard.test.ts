import { join } from 'node:path'
import { createKernelPool } from '@hfquant/kernels'
import { afterAll, expect, test } from 'vitest'
import { AutoQuantizer } from '../dispatch/auto-quantizer.js'
import { nodeEnvironment } from '../dispatch/node-environment.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { temporaryFolder, tinyShell, writeTinyCheckpoint } from '../testing/tiny-model.fixture.js'
import { loadModel } from './load-model.js'
import { openCheckpoint } from './open-checkpoint.js'
import { createScratchStore } from './store.js'

const folder = temporaryFolder(afterAll)
const pool = createKernelPool({ workers: 1 })
afterAll(() => pool.dispose())

test('parameters that a quantizer leaves without a source are an error, which names the first three', async () => {
  await using checkpoint = await openCheckpoint(await writeTinyCheckpoint(join(folder, 'float')))
  const quantizer = AutoQuantizer.create((await AutoQuantizer.merge(undefined, rowInt8()))!)
  quantizer.load = () => ({ kind: 'stored', parts: new Map() })
  const options = { checkpoint, quantizer, pool, environment: nodeEnvironment() }
  const store = createScratchStore(folder)
  await expect(loadModel({ ...options, shell: tinyShell(), store })).rejects.toMatchObject({
    code: 'PARAMETER_META',
    message:
      '8 parameters have no data: model.layers.0.up_proj.weight, model.layers.0.up_proj.weight_scale, model.layers.0.down_proj.weight',
  })
})
