import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findModel } from '@hfquant/core/runtime'
import { demand, succeeding } from '../conformance/breach.js'
import { type ConformanceCheck, forEachConfig, type NamedConfig, needing } from '../conformance/check.js'
import { differingKeys, plainJson, sameJson } from '../conformance/json.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { quantizeAndSave, RELOAD, reload, SIDES } from '../conformance/quantize-and-save.js'
import {
  demandSameTensors,
  quantizedModules,
  readStoredTensors,
  readTensors,
} from '../conformance/tensors.js'
import type { Workbench } from '../conformance/workbench.js'
import { tinyModel } from '../models/tiny-model.js'

const topic = 'save and reload'

/** A model is the same after it was saved and loaded, as often as one likes. */
export const saveAndReloadChecks = (options: ConformanceOptions): readonly ConformanceCheck[] =>
  needing(
    ['quantizing', 'saving'],
    forEachConfig(options, topic, {
      'a saved model is loaded with no argument, and is the same (rows 13, 15, 26, 34)': savedOnce,
      'saving what was loaded gives equal files (rows 13, 14)': savedTwice,
      'shards may cut through the components of a weight (row 14)': sharded,
      'stored components keep their dtypes whatever precision is asked for (row 10)': otherPrecision,
    }),
  )

async function savedOnce(bench: Workbench, named: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const { model, saved } = await quantizeAndSave(bench, named, layout)
  const again = await reload(bench, saved, layout)
  const paths = [...quantizedModules(model.shell).keys()]
  demand(
    paths.length > 0,
    'no module was quantized',
    'a configuration under test quantizes the linear layers of the blocks',
  )
  demand(
    sameJson([...quantizedModules(again.shell).keys()], paths),
    () => `reloaded, ${[...quantizedModules(again.shell).keys()]} are quantized; saved were ${paths}`,
    RELOAD,
  )
  demandSameTensors(await readTensors(again.shell), await readTensors(model.shell), SIDES, RELOAD)
  demand(
    again.warnings.length === 0,
    () => `loading warns: ${again.warnings[0]}`,
    'what the package itself has saved is loaded without a warning',
  )
  const { quantization } = await findModel(saved)
  demand(
    quantization !== undefined,
    'config.json of the saved model has no quantization_config, and no file of the method takes its place',
    RELOAD,
  )
  const [key] = differingKeys(plainJson(model.quantizer!.config), plainJson(again.quantizer!.config))
  demand(
    key === undefined,
    () =>
      `"${key}" of the configuration is ${JSON.stringify(plainJson(model.quantizer!.config)[key!])} when saved and ${JSON.stringify(plainJson(again.quantizer!.config)[key!])} when loaded`,
    'config.json holds the resolved configuration: what formatConfig writes, parseConfig reads',
  )
}

async function savedTwice(bench: Workbench, named: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const { saved } = await quantizeAndSave(bench, named, layout)
  const again = await reload(bench, saved, layout)
  const second = await succeeding('saving the reloaded model', RELOAD, () => bench.save(again))
  const names = (await readdir(saved)).sort()
  demand(
    sameJson((await readdir(second)).sort(), names),
    `the first folder has the files ${names}, the second ${(await readdir(second)).sort()}`,
    RELOAD,
  )
  demandSameTensors(
    await readStoredTensors(second),
    await readStoredTensors(saved),
    { found: 'the files that were saved again', wanted: 'the files that were loaded' },
    'load, save, load changes no bit: what is stored is passed on, not made again',
  )
  for (const name of names) {
    const [left, right] = await Promise.all([saved, second].map((folder) => readFile(join(folder, name))))
    demand(
      Buffer.compare(left!, right!) === 0,
      `${name} is another file after loading and saving: the same tensors, and another header or text`,
      'equal models are written as equal files',
    )
  }
}

async function sharded(bench: Workbench, named: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const from = await bench.checkpoint(layout)
  const model = await bench.load({ from, layout, config: named.config })
  const largest = Math.max(
    ...[...(await readTensors(model.shell)).values()].map(({ bytes }) => bytes.byteLength),
  )
  const saved = await succeeding('saving in shards', RELOAD, () =>
    bench.save(model, { maxShardBytes: largest }),
  )
  const files = (await readdir(saved)).filter((name) => name.endsWith('.safetensors'))
  demand(
    files.length > 1,
    `${files.length} file was written for a limit of ${largest} bytes`,
    'a saved model is cut at maxShardBytes',
  )
  const again = await reload(bench, saved, layout)
  demandSameTensors(await readTensors(again.shell), await readTensors(model.shell), SIDES, RELOAD)
}

async function otherPrecision(bench: Workbench, named: NamedConfig): Promise<void> {
  const contract =
    'components are stored bytes, no precision changes them; a dtype is for what is not quantized'
  const layout = tinyModel()
  const { model, saved } = await quantizeAndSave(bench, named, layout)
  const again = await succeeding('loading the saved model as bfloat16', contract, () =>
    bench.load({ from: saved, layout, dtype: 'bfloat16' }),
  )
  const [found, wanted] = await Promise.all([model, again].map(({ shell }) => readTensors(shell)))
  const components = (tensors: Awaited<ReturnType<typeof readTensors>>) =>
    new Map(
      [...quantizedModules(model.shell)].flatMap(([path, { components }]) =>
        components.map(({ key }) => [`${path}.${key}`, tensors.get(`${path}.${key}`)!] as const),
      ),
    )
  demandSameTensors(
    components(wanted!),
    components(found!),
    { found: 'the model loaded as bfloat16', wanted: 'the saved model' },
    contract,
  )
}
