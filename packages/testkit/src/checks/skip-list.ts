import { type QuantizationConfigInput, QuantizedModule, walkModules } from '@hfquant/core/runtime'
import { demand, succeeding } from '../conformance/breach.js'
import { type ConformanceCheck, type NamedConfig, namedConfigs, needing } from '../conformance/check.js'
import { configOf, plainJson } from '../conformance/json.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { demandSameTensors, quantizedModules, readTensors } from '../conformance/tensors.js'
import type { Workbench } from '../conformance/workbench.js'
import { linearPaths, type ModelLayout, type ModuleSpec } from '../models/layout.js'
import { tinyModel } from '../models/tiny-model.js'

const topic = 'choice of modules'

/** Modules that the user wants left alone. */
export const skipListChecks = (options: ConformanceOptions): readonly ConformanceCheck[] =>
  needing(
    ['quantizing', 'saving'],
    [
      {
        topic,
        title: 'modules on the skip list stay in float, with everything below them (row 16)',
        run: (bench) => skipList(bench, options),
      },
      {
        topic,
        title: 'a skipped module in a precision of its own keeps it (row 12)',
        run: (bench) => ownPrecision(bench, options),
      },
    ],
  )

/** A configuration that leaves these modules in float. */
function skipping(
  bench: Workbench,
  options: ConformanceOptions,
  modules: readonly string[],
): QuantizationConfigInput {
  if (options.skipping !== undefined) return options.skipping(modules)
  const json = plainJson(configOf(bench.backend, namedConfigs(options)[0]!.config))
  demand(
    Object.hasOwn(json, 'modules_to_not_convert'),
    'the configuration has no key "modules_to_not_convert"',
    'a method has a skip list; if its key has another name, options.skipping makes a configuration with it',
  )
  return bench.backend.parseConfig({ ...json, modules_to_not_convert: modules })
}

async function skipList(bench: Workbench, options: ConformanceOptions): Promise<void> {
  const [{ quantizes }] = namedConfigs(options) as [NamedConfig]
  const contract =
    'an entry of the skip list names a module by whole dotted segments and keeps it, and all below it, in float, in addition to the defaults'
  const linear: ModuleSpec = { kind: 'linear', inFeatures: 128, outFeatures: 128 }
  const plain = tinyModel({ layers: 1 })
  const layout: ModelLayout = {
    ...plain,
    modules: {
      ...plain.modules,
      'model.layers.1.classifier.dense': linear,
      'model.layers.1.classifier.out_proj': linear,
      'model.layers.1.classifier_2': linear,
      'model.layers.10.up_proj': linear,
    },
  }
  const kept = ['model.layers.1.classifier.dense', 'model.layers.1.classifier.out_proj', 'lm_head']
  const model = await bench.load({
    from: await bench.checkpoint(layout),
    layout,
    config: skipping(bench, options, ['model.layers.1.classifier']),
  })
  const expected = linearPaths(layout).filter((path) => !kept.includes(path) && quantizes(path))
  const found = [...quantizedModules(model.shell).keys()]
  const wrong = kept.find((path) => found.includes(path))
  demand(
    wrong === undefined,
    `${wrong} was quantized, although the skip list names model.layers.1.classifier and the head is skipped by default`,
    contract,
  )
  const missing = expected.find((path) => !found.includes(path))
  demand(
    missing === undefined,
    `${missing} stays in float, although the skip list does not name it`,
    contract,
  )
  const saved = await bench.save(model)
  const again = await succeeding('loading the saved model', contract, () =>
    bench.load({ from: saved, layout }),
  )
  const sides = { found: 'the reloaded model', wanted: 'the model that was saved' }
  demandSameTensors(
    await readTensors(again.shell),
    await readTensors(model.shell),
    sides,
    'the skip list is saved resolved, so loading does not depend on it',
  )
}

/** T5 keeps `wo` in float32 whatever the precision of the model. */
async function ownPrecision(bench: Workbench, options: ConformanceOptions): Promise<void> {
  const contract = 'a module on the skip list is not touched: it keeps its class, its dtype and its values'
  const plain = tinyModel({ layers: 1 })
  const wo: ModuleSpec = { kind: 'linear', inFeatures: 128, outFeatures: 128, dtype: 'float32' }
  const layout: ModelLayout = { ...plain, modules: { ...plain.modules, 'model.layers.0.wo': wo } }
  const from = await bench.checkpoint(layout, { dtype: 'bfloat16' })
  const config = skipping(bench, options, ['model.layers.0.wo'])
  const model = await bench.load({ from, layout, config, dtype: 'bfloat16' })
  const again = await bench.load({ from: await bench.save(model), layout, dtype: 'bfloat16' })
  for (const [name, { shell }] of [
    ['quantized', model],
    ['reloaded', again],
  ] as const) {
    const tensors = await readTensors(shell)
    const dtype = tensors.get('model.layers.0.wo.weight')?.dtype
    demand(
      dtype === 'float32',
      `model.layers.0.wo.weight is ${dtype ?? 'gone'} in the ${name} model, expected float32`,
      contract,
    )
    const neighbour = [...walkModules(shell.root)].find(([path]) => path === 'model.layers.0.down_proj')?.[1]
    demand(
      neighbour instanceof QuantizedModule,
      `model.layers.0.down_proj beside it is float in the ${name} model`,
      contract,
    )
  }
  demandSameTensors(
    await readTensors(again.shell),
    await readTensors(model.shell),
    { found: 'the reloaded model', wanted: 'the saved model' },
    contract,
  )
}
