import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  CapabilityError,
  findModule,
  type JsonObject,
  QuantizedModule,
  readJsonFile,
} from '@hfquant/core/runtime'
import { demand, demandTyped, failing, succeeding } from '../conformance/breach.js'
import {
  abilitiesOf,
  type ConformanceCheck,
  forEachConfig,
  type NamedConfig,
  needing,
} from '../conformance/check.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { demandSameTensors, quantizedModules, readTensors } from '../conformance/tensors.js'
import type { Workbench } from '../conformance/workbench.js'
import { tinyModel } from '../models/tiny-model.js'

const topic = 'capabilities'

/** What a quantizer says of itself, and what follows from it. */
export const capabilityChecks = (options: ConformanceOptions): readonly ConformanceCheck[] => [
  ...needing(
    ['quantizing'],
    forEachConfig(options, topic, {
      'is saved where it says that it can be, and refuses where it says that it cannot': serializability,
    }),
  ),
  ...forEachConfig(options, topic, {
    'quantizes where it says that it needs no calibration, and refuses where it says that it does':
      calibration,
  }),
  ...(options.embeddings === undefined
    ? []
    : [
        {
          topic,
          needs: ['quantizing'],
          title: 'quantizes both embeddings when it is asked to (row 32)',
          run: (bench: Workbench) => embeddings(bench, options.embeddings!),
        } as const,
      ]),
]

async function serializability(bench: Workbench, named: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const model = await bench.load({ from: await bench.checkpoint(layout), layout, config: named.config })
  const out = bench.newFolder()
  if (model.quantizer!.isSerializable) {
    await succeeding('saving', 'isSerializable is true', () => bench.save(model, { out }))
    demand(
      existsSync(join(out, 'config.json')),
      'the saved folder has no config.json',
      'a saved folder is complete',
    )
    return
  }
  const contract =
    'isSerializable is false, so saving is refused with a CapabilityError and nothing is written'
  const error = await failing('saving', contract, () => bench.save(model, { out }))
  demandTyped(error, 'saving')
  demand(CapabilityError.isInstance(error) && !existsSync(out), `saving ends with ${error.message}`, contract)
}

async function calibration(bench: Workbench, named: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const from = await bench.checkpoint(layout)
  const load = () => bench.load({ from, layout, config: named.config })
  if (abilitiesOf(bench.backend, named).has('quantizing')) {
    const model = await succeeding('quantizing while loading', 'requiresCalibration is false', load)
    demand(
      model.report.converted.length === quantizedModules(model.shell).size,
      `${quantizedModules(model.shell).size} modules are quantized, the loading report has ${model.report.converted}`,
      'the loading report lists the weights that were quantized while loading',
    )
    return
  }
  const contract = 'requiresCalibration is true, so a float checkpoint is refused before it is read'
  demandTyped(
    await failing('quantizing without calibration', contract, load),
    'quantizing without calibration',
  )
}

async function embeddings(
  bench: Workbench,
  config: NonNullable<ConformanceOptions['embeddings']>,
): Promise<void> {
  const contract =
    'a configuration that includes the embeddings takes them off the default skip list; tied ones share their components'
  for (const tied of [false, true]) {
    const layout = tinyModel({ tied })
    const name = tied ? 'a tied model' : 'an untied model'
    const model = await bench.load({ from: await bench.checkpoint(layout), layout, config })
    for (const path of ['model.embed_tokens', 'lm_head']) {
      demand(
        findModule(model.shell.root, path) instanceof QuantizedModule,
        `${path} of ${name} stays in float`,
        contract,
      )
    }
    if (!model.quantizer!.isSerializable) continue
    const saved = await bench.save(model)
    const again = await succeeding(`loading ${name} again`, contract, () =>
      bench.load({ from: saved, layout }),
    )
    const sides = { found: 'the reloaded model', wanted: 'the model that was saved' }
    demandSameTensors(await readTensors(again.shell), await readTensors(model.shell), sides, contract)
    if (!model.quantizer!.untiesEmbeddings) continue
    const json: JsonObject = (await readJsonFile(join(saved, 'config.json'))).value
    demand(
      json.tie_word_embeddings === false,
      'config.json does not say that the embeddings are untied',
      contract,
    )
  }
}
