import { CheckpointError, elementCount, type QuantizedModule } from '@hfquant/core/runtime'
import { ContractBreach, demand, demandTyped, describeError, failing } from '../conformance/breach.js'
import { type ConformanceCheck, forEachConfig, type NamedConfig, needing } from '../conformance/check.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { restore } from '../conformance/restore.js'
import { quantizedModules } from '../conformance/tensors.js'
import type { Workbench } from '../conformance/workbench.js'
import { type Damage, damageCheckpoint } from '../models/damage.js'
import { tinyModel } from '../models/tiny-model.js'
import { writeCheckpoint } from '../models/write-checkpoint.js'

const topic = 'errors'

/** Damaged files and impossible values. */
export const errorChecks = (options: ConformanceOptions): readonly ConformanceCheck[] => [
  ...needing(
    ['quantizing', 'saving'],
    forEachConfig(options, topic, { 'a damaged component is refused by name': damagedComponents }),
  ),
  ...needing(
    ['quantizing'],
    forEachConfig(options, topic, {
      'weights that are not finite, missing or of another shape are refused by name': badWeights,
    }),
  ),
]

async function damagedComponents(bench: Workbench, { config }: NamedConfig): Promise<void> {
  const layout = tinyModel({ layers: 1 })
  const from = await bench.checkpoint(layout)
  const model = await bench.load({ from, layout, config })
  const saved = await bench.save(model)
  const [[path, module]] = [...quantizedModules(model.shell)] as [[string, QuantizedModule]]
  const wanted = await restore(module)
  for (const { key } of module.components) {
    for (const damage of [
      'missing',
      'longer',
      'reshaped',
      'other dtype',
    ] as const satisfies readonly Damage[]) {
      const tensor = `${path}.${key}`
      const name = `a checkpoint in which ${tensor} is ${damage === 'missing' ? 'missing' : `of ${PROSE[damage]}`}`
      // A scalar and a list of one number are the same to a reader.
      if (damage === 'reshaped' && elementCount(module.component(key).shape) === 1) continue
      const folder = await damageCheckpoint(saved, bench.newFolder(), tensor, damage)
      try {
        const damaged = await bench.load({ from: folder, layout })
        demand(
          damage === 'missing' || damage === 'other dtype',
          `${name} was accepted in silence`,
          'every stored component is checked against the shape that its weight asks for, before anything is computed with it',
        )
        const found = quantizedModules(damaged.shell).get(path)
        demand(
          found !== undefined && sameFloats(await restore(found), wanted),
          `${name} was accepted in silence, and ${path} has other weights now`,
          'what a weight cannot do without is checked; what is not refused restores the very same weights',
        )
      } catch (error) {
        if (error instanceof ContractBreach) throw error
        demandTyped(error, name)
        demand(
          `${error.tensor} ${error.module} ${error.message}`.includes(path),
          `${name} is refused without naming it: ${describeError(error)}`,
          'an error about a file names the tensor or the module',
        )
      }
    }
  }
}

const PROSE = { longer: 'another length', reshaped: 'another shape', 'other dtype': 'another dtype' }

const sameFloats = (left: Float32Array, right: Float32Array): boolean =>
  left.length === right.length && left.every((value, index) => Object.is(value, right[index]))

async function badWeights(bench: Workbench, { config, quantizes }: NamedConfig): Promise<void> {
  const layout = tinyModel({ layers: 1 })
  const path = ['model.layers.0.up_proj', 'model.layers.0.down_proj'].find(quantizes)
  if (path === undefined) return
  const tensor = `${path}.weight`
  const wider = tinyModel({ layers: 1, inner: 384 })
  const cases = {
    NaN: await writeCheckpoint(bench.newFolder(), layout, {
      values: { [tensor]: (index) => (index === 77 ? Number.NaN : 1) },
    }),
    infinity: await writeCheckpoint(bench.newFolder(), layout, {
      values: { [tensor]: (index) => (index === 0 ? Number.NEGATIVE_INFINITY : 1) },
    }),
    'no weight': await bench.checkpoint(layout, { omit: [tensor] }),
    'another shape': await bench.checkpoint(wider),
  }
  for (const [name, from] of Object.entries(cases)) {
    const doing = `quantizing a model with ${name} at ${tensor}`
    const contract =
      'no code stands for NaN or infinity, and a weight has the shape that its model says: such checkpoints are refused'
    const error = await failing(doing, contract, () => bench.load({ from, layout, config }))
    demandTyped(error, doing)
    demand(
      CheckpointError.isInstance(error),
      `${doing} throws a ${error.name}`,
      'faults of a file are CheckpointErrors',
    )
    demand(
      error.message.includes('model.layers.0'),
      `${doing} is refused without naming the tensor: ${error.message}`,
      contract,
    )
  }
}
