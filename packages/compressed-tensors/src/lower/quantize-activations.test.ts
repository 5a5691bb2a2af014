import type { WeightInfo } from '@hfquant/core'
import { readTensorFile } from '@hfquant/testkit'
import { expect, test } from 'vitest'
import type { Int8Activations, WeightLayout } from '../format/layout.js'
import { golden } from '../testing/golden.fixture.js'
import { type LayerRun, runLayers } from '../testing/run-layers.fixture.js'
import { lowerWeight } from './lower-weight.js'

const { tensors } = await readTensorFile(golden('activations.safetensors'))
const floats = (name: string) => new Float32Array(tensors.get(name)!.bytes.slice().buffer)
const COLUMNS = 48

/** A layer with the weight 1 and the stored scales of the golden data: its outputs are its rounded inputs. */
function roundingLayer(activations: Int8Activations): LayerRun {
  const ones = Int8Array.from({ length: COLUMNS ** 2 }, (_, at) => Number(at % (COLUMNS + 1) === 0))
  const stored = new Map([
    ['weight', new Uint8Array(ones.buffer)],
    ['weight_scale', new Uint8Array(Float32Array.of(1).buffer)],
    ['input_scale', new Uint8Array(Float32Array.of(0.05).buffer)],
    ['input_zero_point', new Uint8Array(Int8Array.of(-30).buffer)],
  ])
  const weight: WeightInfo = {
    ...{ path: 'fc', kind: 'linear', dtype: 'float32', outFeatures: COLUMNS, inFeatures: COLUMNS },
  }
  const layout: WeightLayout = {
    ...{ codes: { kind: 'int8', bits: 8 }, scales: { kind: 'float', dtype: 'float32' }, activations },
    ...{ block: [Number.POSITIVE_INFINITY, COLUMNS], zeros: undefined, groupOf: undefined, components: [] },
  }
  return {
    ...{ weight, x: floats('x'), stored: (key) => stored.get(key)! },
    lower: (graph, layer) => lowerWeight(graph, layer, layout),
  }
}

test('activations are rounded to int8 as the library does, per token and with stored scales', async () => {
  const cases: readonly (readonly [string, Int8Activations])[] = [
    ['int8_token', { symmetric: true, dynamic: true }],
    ['int8_token_asym', { symmetric: false, dynamic: true }],
    ['int8_static', { symmetric: true, dynamic: false, scaleDtype: 'float32' }],
    ['int8_static_asym', { symmetric: false, dynamic: false, scaleDtype: 'float32' }],
  ]
  const rounded = await runLayers(cases.map(([, activations]) => roundingLayer(activations)))
  for (const [at, [name]] of cases.entries()) {
    const wanted = floats(name)
    const errors = wanted.map((value, element) => Math.abs(value - rounded[at]![element]!))
    expect(Math.max(...errors), name).toBeLessThan(1e-6 * Math.max(...wanted.map(Math.abs)))
  }
})
