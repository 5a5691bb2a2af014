import { demand } from '../conformance/breach.js'
import { type ConformanceCheck, forEachConfig, type NamedConfig, needing } from '../conformance/check.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { quantizeAndSave, RELOAD, reload, SIDES } from '../conformance/quantize-and-save.js'
import { demandSameTensors, readTensors } from '../conformance/tensors.js'
import type { Workbench } from '../conformance/workbench.js'
import { tinyModel } from '../models/tiny-model.js'
import { writeCheckpoint } from '../models/write-checkpoint.js'

const topic = 'save and reload'

/** Weights that two modules share, and weights that are stored the other way round. */
export const tiedAndTurnedChecks = (options: ConformanceOptions): readonly ConformanceCheck[] =>
  needing(
    ['quantizing', 'saving'],
    forEachConfig(options, topic, {
      'layers stored [in, out] are quantized as what they multiply with (row 13)': conv1d,
      'a tied head is stored once and there again after loading (row 17)': tiedHead,
    }),
  )

async function conv1d(bench: Workbench, named: NamedConfig): Promise<void> {
  const plain = tinyModel()
  const turned = tinyModel({ conv1d: true })
  const from = await bench.checkpoint(plain)
  const original = await bench.load({ from, layout: plain })
  const values: Record<string, (index: number) => number> = {}
  for (const [name, { bytes, shape }] of await readTensors(original.shell)) {
    const floats = new Float32Array(bytes.slice().buffer)
    const [rows = 1, columns = 1] = shape
    const isTurned = name.endsWith('up_proj.weight')
    // Element [i, o] of the turned weight is element [o, i] of the plain one.
    values[name] = (index) => floats[isTurned ? (index % rows) * columns + Math.floor(index / rows) : index]!
  }
  const other = await writeCheckpoint(bench.newFolder(), turned, { values })
  const contract =
    'a format sees every weight as [outFeatures, inFeatures], so Conv1D and Linear of equal weights get equal components'
  const wanted = await bench.load({ from, layout: plain, config: named.config })
  const found = await bench.load({ from: other, layout: turned, config: named.config })
  const sides = { found: 'the model with Conv1D layers', wanted: 'the model with Linear layers' }
  demandSameTensors(await readTensors(found.shell), await readTensors(wanted.shell), sides, contract)
  const again = await reload(bench, await bench.save(found), turned)
  demandSameTensors(await readTensors(again.shell), await readTensors(found.shell), SIDES, RELOAD)
}

async function tiedHead(bench: Workbench, named: NamedConfig): Promise<void> {
  const contract =
    'tied modules share one parameter; it is saved once, under the name of its owner, and tied again after loading'
  const layout = tinyModel({ tied: true })
  const { model, saved } = await quantizeAndSave(bench, named, layout)
  const again = await reload(bench, saved, layout)
  for (const [name, { shell, quantizer }] of [
    ['the quantized model', model],
    ['the reloaded model', again],
  ] as const) {
    if (quantizer?.untiesEmbeddings) continue
    const head = shell.root.children.get('lm_head')
    demand(head !== undefined, `${name} has no lm_head any more`, contract)
    const embedding = shell.root.children.get('model')!.children.get('embed_tokens')!
    const [parameter] = [...head.parameters.values()]
    demand(parameter !== undefined, `lm_head of ${name} has no parameter`, contract)
    demand(
      [...embedding.parameters.values()].includes(parameter),
      `lm_head of ${name} does not share its weight with model.embed_tokens`,
      contract,
    )
    const stored = [...(await readTensors(shell)).keys()].filter((key) => key.startsWith('lm_head.'))
    demand(
      stored.length === 0,
      `${name} would save ${stored}, which it shares with model.embed_tokens`,
      contract,
    )
  }
  demandSameTensors(await readTensors(again.shell), await readTensors(model.shell), SIDES, contract)
}
