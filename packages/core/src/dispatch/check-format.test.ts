import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Component, QuantizedFormat } from '../contract/format.js'
import { planModel } from '../load/load-model.js'
import { openCheckpoint } from '../load/open-checkpoint.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { temporaryFolder, tinyShell, writeTinyCheckpoint } from '../testing/tiny-model.fixture.js'
import { defineQuantizer } from './define-quantizer.js'
import { nodeEnvironment } from './node-environment.js'

const folder = temporaryFolder(afterAll)

/** Plans a model with a plug-in that says this of every weight. */
async function plan(choice: unknown) {
  const faulty = { ...rowInt8.definition, quantMethod: 'faulty', formatFor: () => choice as QuantizedFormat }
  const backend = defineQuantizer(faulty)
  await using checkpoint = await openCheckpoint(await writeTinyCheckpoint(join(folder, 'float')))
  const quantizer = backend.create(backend(), false)
  return await planModel({ shell: tinyShell(), checkpoint, quantizer, environment: nodeEnvironment() })
}

const format: QuantizedFormat = {
  name: 'int8',
  components: ({ outFeatures, inFeatures }) => [
    { key: 'weight', dtype: 'int8', shape: [outFeatures, inFeatures] },
  ],
  quantize() {},
  dequantize() {},
}
const withComponent = (change: object): QuantizedFormat => ({
  ...format,
  components: () => [{ key: 'weight', dtype: 'int8', shape: [1], ...change } as Component],
})
const weight: Component = { key: 'weight', dtype: 'int8', shape: [1] }

test.each<[string, unknown]>([
  ['formatFor gives undefined', undefined],
  ['skip is 3', { skip: 3 }],
  ['the name of its format', { ...format, name: undefined }],
  ['components is no function', { ...format, components: undefined }],
  ['dequantize is no function', { ...format, dequantize: undefined }],
  ['quantize is asynchronous', { ...format, async quantize() {} }],
  ['components gives []', { ...format, components: () => [] }],
  ['two components have the key "weight"', { ...format, scratch: () => [weight] }],
  ['the key of a component is ""', withComponent({ key: '' })],
  ['the dtype of weight is "int7"', withComponent({ dtype: 'int7' })],
  ['the shape of weight is [-1]', withComponent({ shape: [-1] })],
])('a plug-in is told what is wrong: %s', async (wrong, choice) => {
  await expect(plan(choice)).rejects.toMatchObject({
    ...{ name: 'ConfigError', code: 'FORMAT_INVALID', module: expect.stringContaining('layers.0') },
    message: expect.stringContaining(` is wrong: ${wrong}`),
  })
})

test('a format that says what it has to is taken', async () => {
  expect((await plan(format)).quantization?.quantized).not.toEqual([])
})
