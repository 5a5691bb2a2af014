import { roundHalfToEven } from '@hfquant/kernels'
import { expect, test } from 'vitest'
import type { QuantizedFormat } from '../contract/format.js'
import { defineQuantizer } from '../dispatch/define-quantizer.js'
import { registerQuantizer } from '../dispatch/registry.js'
import { findModule } from '../shell/module.js'
import type { QuantizedModule } from '../shell/quantized-module.js'
import { bytesOf, float, load } from '../testing/load-tiny-model.fixture.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { tinyShell } from '../testing/tiny-model.fixture.js'
import { dequantizedChunks } from './read-parameter.js'

/** Codes of `rowInt8`, stored as [inFeatures, outFeatures]. */
const turned: QuantizedFormat = {
  name: 'int8 per row, turned',
  components: ({ outFeatures, inFeatures }) => [
    { key: 'weight', dtype: 'int8', shape: [inFeatures, outFeatures], layout: 'columns' },
    { key: 'weight_scale', dtype: 'float32', shape: [outFeatures] },
  ],
  quantize(rows, out) {
    const codes = out.int8('weight')
    const scales = out.float32('weight_scale')
    for (let row = 0; row < rows.count; row++) {
      const values = rows.at(row)
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      scales[row] = Math.fround(largest / 127)
      for (const [column, value] of values.entries()) {
        codes[column * rows.count + row] = roundHalfToEven(value / scales[row]!)
      }
    }
  },
  dequantize(stored, out, { outFeatures }) {
    const codes = stored.int8('weight')
    const scales = stored.float32('weight_scale')
    for (let row = 0; row < out.count; row++) {
      const values = out.at(row)
      for (const column of values.keys()) {
        values[column] = codes[column * outFeatures + out.first + row]! * scales[row]!
      }
    }
  },
}

const turnedInt8 = defineQuantizer<object>({
  specVersion: 2,
  quantMethod: 'turned_int8',
  config: { parse: () => ({}), format: () => ({}) },
  formatFor: () => turned,
})
registerQuantizer(turnedInt8)

test('rows become columns of a component that has them in its last axis, wherever they are cut', async () => {
  const plain = await load(float, tinyShell(), rowInt8())
  const wanted = await bytesOf(plain.shell)
  for (const maxInFlightBytes of [1, 1000, 2 ** 30]) {
    const { shell } = await load(float, tinyShell(), turnedInt8(), { maxInFlightBytes })
    const made = await bytesOf(shell)
    expect(made['model.layers.1.up_proj.weight_scale']).toEqual(wanted['model.layers.1.up_proj.weight_scale'])
    const [codes, rows] = [made, wanted].map((tensors) => tensors['model.layers.1.up_proj.weight']!)
    const { outFeatures, inFeatures } = moduleOf(shell).info
    expect([...codes!]).toEqual(
      Array.from(codes!, (_, at) => rows![(at % outFeatures) * inFeatures + Math.floor(at / outFeatures)]),
    )
    expect(await valuesOf(moduleOf(shell))).toEqual(await valuesOf(moduleOf(plain.shell)))
  }
})

const moduleOf = ({ root }: Parameters<typeof bytesOf>[0]): QuantizedModule =>
  findModule(root, 'model.layers.1.up_proj') as QuantizedModule

async function valuesOf(module: QuantizedModule): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for await (const chunk of dequantizedChunks(module)) chunks.push(chunk)
  return chunks
}
