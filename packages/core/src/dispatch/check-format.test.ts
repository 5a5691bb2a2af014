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
const kernel = (components: readonly string[]) => () => ({ kernel: 'cast', components })
const weight: Component = { key: 'weight', dtype: 'int8', shape: [1] }

test.each<[string, unknown]>([
  ['formatFor gives undefined', undefined],
  ['skip is 3', { skip: 3 }],
  ['the name of its format', { ...format, name: undefined }],
  ['components is no function', { ...format, components: undefined }],
  ['dequantize is no function', { ...format, dequantize: undefined }],
  ['quantize is asynchronous', { ...format, async quantize() {} }],
  ['lower is asynchronous', { ...format, async lower() {} }],
  ['finish is no function', { ...format, finish: true }],
  ['finnish is no member of a format. Did you mean "finish"?', { ...format, finnish() {} }],
  ['rowsPerStep is 0', { ...format, rowsPerStep: 0 }],
  ['bias is "int8"', { ...format, bias: 'int8' }],
  ['integers is true', { ...format, integers: true }],
  ['integers.unpack is no function', { ...format, integers: { grid: {} } }],
  ['integers.unpack is asynchronous', { ...format, integers: { grid: {}, async unpack() {} } }],
  ['pack is asynchronous', { ...format, async pack() {} }],
  ['quantizeKernel gives {}', { ...format, quantizeKernel: () => ({}) }],
  [
    'quantizeKernel names the component "wieght", expected one of weight',
    { ...format, quantizeKernel: kernel(['wieght']) },
  ],
  [
    'dequantizeKernel names the component "made", expected one of weight',
    {
      ...{
        ...format,
        dequantizeKernel: kernel(['weight', 'made']),
        quantizeKernel: kernel(['weight', 'made']),
      },
      scratch: () => [{ key: 'made', dtype: 'int8', shape: [1] }],
    },
  ],
  ['scratch gives 3', { ...format, scratch: () => 3 }],
  ['a component is null', { ...format, components: () => [null] }],
  ['components gives []', { ...format, components: () => [] }],
  ['two components have the key "weight"', { ...format, scratch: () => [weight] }],
  ['the key of a component is ""', withComponent({ key: '' })],
  ['the dtype of weight is "int7"', withComponent({ dtype: 'int7' })],
  ['the shape of weight is [-1]', withComponent({ shape: [-1] })],
  ['the layout of weight is "colums"', withComponent({ layout: 'colums' })],
])('a plug-in is told what is wrong: %s', async (wrong, choice) => {
  await expect(plan(choice)).rejects.toMatchObject({
    ...{ name: 'ConfigError', code: 'FORMAT_INVALID', module: expect.stringContaining('layers.0') },
    message: expect.stringContaining(` is wrong: ${wrong}`),
  })
})

test('a format that says what it has to is taken', async () => {
  const own = { ...format, warnings: [], rowsPerStep: 2, ownLayout: 3, quantizeKernel: kernel(['weight']) }
  for (const each of [format, own]) expect((await plan(each)).quantization?.quantized).not.toEqual([])
})
