import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadModel, readJsonFile, saveFolder } from '@hfquant/core/runtime'
import { demand, failing, succeeding } from '../conformance/breach.js'
import { type ConformanceCheck, forEachConfig, type NamedConfig, needing } from '../conformance/check.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { demandSameTensors, readStoredTensors } from '../conformance/tensors.js'
import type { Workbench } from '../conformance/workbench.js'
import { tinyModel } from '../models/tiny-model.js'

const topic = 'save and reload'

/** What is written, and when. */
export const savingChecks = (options: ConformanceOptions): readonly ConformanceCheck[] =>
  needing(
    ['quantizing', 'saving'],
    forEachConfig(options, topic, {
      'quantizing straight into a folder gives the files of loading and saving': straightToFile,
      'leaves the quantization block of a loaded checkpoint as it was written': keptBlock,
      'saving that is called off leaves nothing behind': abortedSave,
    }),
  )

async function straightToFile(bench: Workbench, named: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const from = await bench.checkpoint(layout)
  const model = await bench.load({ from, layout, config: named.config })
  if (model.quantizer!.sizesDependOnValues) return
  const opened = await bench.open({ from, layout, config: named.config })
  const { document: config } = await readJsonFile(join(from, 'config.json'))
  const { dtype, quantizer } = opened
  const out = bench.newFolder()
  const target = { sourceFolder: from, config, dtype, quantizer }
  const contract =
    'components are written as rows are made; unless sizesDependOnValues is true, their sizes are known before the first row'
  await succeeding('quantizing straight into a folder', contract, () =>
    saveFolder(out, target, (store) => loadModel({ ...opened, store })),
  )
  const sides = { found: 'the folder that was quantized into', wanted: 'the folder that was saved' }
  demandSameTensors(
    await readStoredTensors(out),
    await readStoredTensors(await bench.save(model)),
    sides,
    contract,
  )
}

async function keptBlock(bench: Workbench, named: NamedConfig): Promise<void> {
  const contract =
    'rewritesConfig is false for a loaded checkpoint, whose block is not ours to change; true is for spellings that are not written any more'
  const layout = tinyModel()
  const model = await bench.load({ from: await bench.checkpoint(layout), layout, config: named.config })
  const first = await bench.save(model)
  const again = await bench.load({ from: first, layout })
  demand(
    !again.quantizer!.rewritesConfig,
    'what the package has just written is rewritten when it is saved again',
    contract,
  )
  const second = await bench.save(again)
  const [left, right] = await Promise.all(
    [first, second].map((folder) => readFile(join(folder, 'config.json'), 'utf8')),
  )
  demand(left === right, 'config.json differs after loading and saving', contract)
}

async function abortedSave(bench: Workbench, named: NamedConfig): Promise<void> {
  const contract =
    'a saved folder appears complete or not at all, and a signal ends saving with its own reason'
  const layout = tinyModel()
  const model = await bench.load({ from: await bench.checkpoint(layout), layout, config: named.config })
  if (!model.quantizer!.isSerializable) return
  const out = bench.newFolder()
  const reason = new Error('called off by the test kit')
  const error = await failing('saving with a signal that is aborted', contract, () =>
    bench.save(model, { out, signal: AbortSignal.abort(reason) }),
  )
  demand(error === reason, `saving ends with ${error}, not with the reason of the signal`, contract)
  demand(!existsSync(out), 'saving that was called off left a folder behind', contract)
}
