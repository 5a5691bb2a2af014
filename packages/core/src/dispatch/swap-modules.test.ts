import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { nodeEnvironment } from '../dispatch/node-environment.js'
import { planModel } from '../load/load-model.js'
import { openCheckpoint } from '../load/open-checkpoint.js'
import { Linear, walkModules } from '../shell/module.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { temporaryFolder, tinyShell, writeTinyCheckpoint } from '../testing/tiny-model.fixture.js'
import { AutoQuantizer } from './auto-quantizer.js'

const folder = temporaryFolder(afterAll)

/** Plans to quantize a shell from the checkpoint of the tiny model. */
async function plan(shell: Shell) {
  await using checkpoint = await openCheckpoint(await writeTinyCheckpoint(join(folder, 'float')))
  const quantizer = AutoQuantizer.create((await AutoQuantizer.merge(undefined, rowInt8()))!)
  return planModel({ shell, checkpoint, quantizer, environment: nodeEnvironment() })
}

test('exactly the linear layers are swapped, the head excepted', async () => {
  const { shell, quantization, warnings } = await plan(tinyShell())
  const linears = [...walkModules(tinyShell().root)].filter(([, module]) => module instanceof Linear)
  const swapped = [...walkModules(shell.root)].filter(([, module]) => module instanceof QuantizedModule)
  const expected = linears.map(([path]) => path).filter((path) => path !== 'lm_head')
  expect(swapped.map(([path]) => path)).toEqual(expected)
  expect(quantization?.quantized).toEqual(expected)
  expect(warnings).toEqual([])
})

test('a model without linear layers is left as it is, with a warning', async () => {
  const shell = tinyShell()
  shell.root.children.delete('lm_head')
  shell.root.children.get('model')!.children.delete('layers')
  const { quantization, warnings } = await plan(shell)
  expect(quantization).toMatchObject({ quantized: [], skipped: [] })
  expect(warnings).toContain('no module was quantized')
})
