import type { FloatDtype, QuantizedModule } from '@hfquant/core/runtime'
import { demand } from '../conformance/breach.js'
import { type ConformanceCheck, forEachConfig, type NamedConfig, needing } from '../conformance/check.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { restore } from '../conformance/restore.js'
import { demandSameTensors, quantizedModules, readTensors } from '../conformance/tensors.js'
import { withFormats } from '../conformance/with-formats.js'
import type { Workbench } from '../conformance/workbench.js'
import type { ModelLayout } from '../models/layout.js'
import { tinyModel } from '../models/tiny-model.js'
import { writeCheckpoint } from '../models/write-checkpoint.js'

const topic = 'components'

/** What comes back when a weight is restored from its components. */
export const restoredWeightChecks = (options: ConformanceOptions): readonly ConformanceCheck[] =>
  needing(
    ['quantizing'],
    forEachConfig(options, topic, {
      'restored weights are close to the original ones, in every precision (row 13)': closeness,
      'rows of zeros, tiny and huge numbers are restored as such': extremes,
      'a kernel gives the bytes of the formula': kernelTwins,
    }),
  )

async function closeness(bench: Workbench, named: NamedConfig): Promise<void> {
  const layout = tinyModel()
  for (const dtype of ['float32', 'bfloat16', 'float16'] as const satisfies readonly FloatDtype[]) {
    const from = await bench.checkpoint(layout, { dtype })
    const wanted = await floatWeights(bench, from, layout)
    const { shell } = await bench.load({ from, layout, dtype, config: named.config })
    for (const [path, module] of quantizedModules(shell)) {
      const { row, share } = await worstRow(module, wanted.get(path)!)
      demand(
        share <= named.largestError,
        `${path} (${dtype}): row ${row} is restored with an error of ${percent(share)} of its largest magnitude, more than ${percent(named.largestError)}`,
        'dequantize undoes quantize up to rounding: each reads the components by the keys under which the other wrote them, in the same order of rows',
      )
    }
  }
}

const percent = (share: number): string => `${Number((100 * share).toPrecision(3))} %`

/** float32 [outFeatures, inFeatures] of every linear layer of a plain checkpoint. */
async function floatWeights(
  bench: Workbench,
  from: string,
  layout: ModelLayout,
): Promise<ReadonlyMap<string, Float32Array>> {
  const tensors = await readTensors((await bench.load({ from, layout })).shell)
  return new Map(
    [...tensors].map(([name, { bytes }]) => [
      name.replace(/\.weight$/, ''),
      new Float32Array(bytes.slice().buffer),
    ]),
  )
}

async function worstRow(
  module: QuantizedModule,
  wanted: Float32Array,
): Promise<{ row: number; share: number }> {
  const found = await restore(module)
  const { outFeatures, inFeatures } = module.info
  let worst = { row: 0, share: 0 }
  for (let row = 0; row < outFeatures; row++) {
    let [error, largest] = [0, 0]
    for (let index = row * inFeatures; index < (row + 1) * inFeatures; index++) {
      const difference = Math.abs(found[index]! - wanted[index]!)
      // NaN is never larger than anything: it has to be asked for.
      error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(error, difference)
      largest = Math.max(largest, Math.abs(wanted[index]!))
    }
    const share = error === 0 ? 0 : error / largest
    if (share > worst.share) worst = { row, share }
  }
  return worst
}

async function extremes(bench: Workbench, { config, largestError }: NamedConfig): Promise<void> {
  const layout = tinyModel({ layers: 1 })
  const path = 'model.layers.0.down_proj'
  const restored = async (valueAt: (row: number, index: number) => number) => {
    const values = { [`${path}.weight`]: (index: number) => valueAt(Math.floor(index / 256), index) }
    const from = await writeCheckpoint(bench.newFolder(), layout, { values })
    const module = quantizedModules((await bench.load({ from, layout, config })).shell).get(path)
    return module === undefined ? new Float32Array(0) : restore(module)
  }
  const magnitudes = [0, 1e-42, 1e-30, 1, 1e4]
  for (const [index, value] of (await restored((row, at) => magnitudes[row % 5]! * Math.sin(at))).entries()) {
    demand(
      Number.isFinite(value),
      `a weight in a row of magnitude ${magnitudes[Math.floor(index / 256) % 5]} is restored as ${value}`,
      'every finite weight has a finite code: a scale that is zero, or leaves the range of its dtype, is avoided',
    )
  }
  // Rows of zeros, of positive and of negative numbers.
  const signed = (row: number, at: number) => ((row % 3) - 1) * (0.5 + (at % 8) / 16)
  for (const [index, value] of (await restored(signed)).entries()) {
    const wanted = signed(Math.floor(index / 256), index)
    demand(
      Math.abs(value - wanted) <= largestError,
      `${wanted} in a row of ${['negative numbers', 'zeros', 'positive numbers'][Math.floor(index / 256) % 3]} is restored as ${value}`,
      'zeros stay close to zero, and rows of one sign keep it',
    )
  }
}

async function kernelTwins(bench: Workbench, { config }: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const from = await bench.checkpoint(layout, { dtype: 'bfloat16' })
  const load = { from, layout, config, dtype: 'bfloat16' as const }
  const model = await bench.load(load)
  const formulas = await bench.load({
    ...load,
    prepare: withFormats((format) =>
      format.quantize === undefined ? format : without(format, 'quantizeKernel'),
    ),
  })
  const sides = { found: 'what quantizeKernel makes', wanted: 'what quantize makes' }
  demandSameTensors(
    await readTensors(model.shell),
    await readTensors(formulas.shell),
    sides,
    'quantizeKernel gives the bytes of quantize, component by component',
  )
  const slow = await bench.load({
    ...load,
    prepare: withFormats((format) => without(format, 'dequantizeKernel')),
  })
  for (const [path, module] of quantizedModules(model.shell)) {
    const [fast, formula] = await Promise.all([
      restore(module),
      restore(quantizedModules(slow.shell).get(path)!),
    ])
    const at = fast.findIndex((value, index) => !Object.is(value, formula[index]))
    demand(
      at < 0,
      () => `${path}: element ${at} is ${fast[at]} by dequantizeKernel, ${formula[at]} by dequantize`,
      'dequantizeKernel gives the values of dequantize; `components` lists its inputs in the order of the kernel',
    )
  }
}

/** A format without one of its members, whatever it inherits. */
const without = <Format extends object>(format: Format, member: keyof Format): Format =>
  Object.create(format, { [member]: { value: undefined } }) as Format
