import { isDtype, tensorBytes } from '@hfquant/core/runtime'
import { ContractBreach, demand, demandTyped, succeeding } from '../conformance/breach.js'
import { type ConformanceCheck, forEachConfig, type NamedConfig, needing } from '../conformance/check.js'
import { sameJson } from '../conformance/json.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { restore } from '../conformance/restore.js'
import { demandSameTensors, quantizedModules, readTensors } from '../conformance/tensors.js'
import type { Workbench } from '../conformance/workbench.js'
import type { ModelLayout } from '../models/layout.js'
import { tinyModel } from '../models/tiny-model.js'

const topic = 'components'

/** What a format states about its components, and what is in them. */
export const componentChecks = (options: ConformanceOptions): readonly ConformanceCheck[] =>
  needing(
    ['quantizing'],
    forEachConfig(options, topic, {
      'components have the stated shapes, and rows that can be cut (row 3)': statements,
      'odd shapes are quantized, skipped with a reason, or refused by name': oddShapes,
    }),
  )

async function statements(bench: Workbench, { config }: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const from = await bench.checkpoint(layout)
  const { shell } = await bench.load({ from, layout, config })
  for (const [path, { info: weight, format, components }] of quantizedModules(shell)) {
    const contract =
      'components() depends on the weight alone and states name, dtype, largest shape and layout of each tensor'
    demand(format.name !== '', `the format of ${path} has no name`, 'a format has a name for reports')
    demand(
      sameJson(format.components(weight), components),
      `${path}: two calls of components() differ`,
      contract,
    )
    const keys = components.map(({ key }) => key)
    demand(
      components.length > 0 && new Set(keys).size === keys.length,
      `${path} has the components ${keys}`,
      'each component has a key of its own',
    )
    for (const { key, dtype, shape, layout: placing = 'rows' } of components) {
      const name = `${path}.${key}`
      demand(isDtype(dtype), `${name} has the dtype ${dtype}`, contract)
      demand(
        shape.every((size) => Number.isSafeInteger(size) && size > 0),
        `${name} has the shape [${shape}]`,
        contract,
      )
      const step = format.rowsPerStep ?? 1
      const bytes = tensorBytes(dtype, placing === 'columns' ? shape.slice(-1) : shape)
      demand(
        placing === 'whole' || (bytes * Math.min(step, weight.outFeatures)) % weight.outFeatures === 0,
        `${name} is ${dtype} [${shape}], ${bytes} bytes${placing === 'columns' ? ' a line' : ''}, which ${weight.outFeatures} rows in steps of ${step} do not divide`,
        "the bytes of a 'rows' component, and those of the last axis of a 'columns' one, divide evenly over the output rows; one that is neither says layout: 'whole'",
      )
    }
    const stored = components.reduce((sum, { dtype, shape }) => sum + tensorBytes(dtype, shape), 0)
    const half = 2 * weight.outFeatures * weight.inFeatures
    demand(
      stored < half,
      `${path} takes ${stored} bytes quantized, as float16 it would take ${half}`,
      'quantized weights are smaller than float16 ones',
    )
  }
}

async function oddShapes(bench: Workbench, { config }: NamedConfig): Promise<void> {
  const contract =
    'a shape that a format cannot hold is skipped with a reason or refused by a typed error that names the module'
  for (const [outFeatures, inFeatures] of [
    [1, 1],
    [1, 128],
    [7, 33],
    [33, 64],
    [130, 1],
  ] as const) {
    const path = 'model.layers.0.odd'
    const plain = tinyModel({ layers: 1 })
    const layout: ModelLayout = {
      ...plain,
      modules: { ...plain.modules, [path]: { kind: 'linear', inFeatures, outFeatures } },
    }
    const from = await bench.checkpoint(layout)
    const name = `a weight [${outFeatures}, ${inFeatures}]`
    try {
      const model = await bench.load({ from, layout, config })
      const module = quantizedModules(model.shell).get(path)
      if (module === undefined) {
        demand(
          model.quantization!.skipped.some((skipped) => skipped.module === path),
          `${name} stays in float without a reason`,
          contract,
        )
        continue
      }
      const restored = await restore(module)
      demand(
        restored.length === outFeatures * inFeatures && restored.every(Number.isFinite),
        `${name} is restored as ${restored.length} numbers, not all of them finite`,
        contract,
      )
      if (!model.quantizer!.isSerializable) continue
      const again = await succeeding(`loading ${name} again`, contract, async () =>
        bench.load({ from: await bench.save(model), layout }),
      )
      const sides = { found: 'the reloaded model', wanted: 'the model that was saved' }
      demandSameTensors(await readTensors(again.shell), await readTensors(model.shell), sides, contract)
    } catch (error) {
      if (error instanceof ContractBreach) throw error
      demandTyped(error, name)
      demand(
        `${error.module} ${error.tensor} ${error.message}`.includes(path),
        `${name} is refused without naming ${path}: ${error.message}`,
        contract,
      )
    }
  }
}
