import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { demoGliner } from 'hfquant/demo'
import { wholeNumber } from '../measure/arguments.js'
import { measureInChild } from '../measure/run-child.js'
import { inTurn, median, ratio, type Sample, short, valuesOf } from '../measure/samples.js'
import { makeGliner } from './make-gliner.js'
import type { GlinerFigures, GlinerRequest } from './measure-gliner.js'
import { exportPeer } from './peer.js'
import { LABEL_COUNTS, speedNames } from './texts.js'

export const GLINER_USAGE = `  pnpm bench gliner FOLDER [--threads 2] [--texts 16]   GLiNER, the bundled one and one with 166 million random weights that it
                                                      makes in FOLDER unless it is there: memory while it is loaded in
                                                      each precision, against 1.15 times the weights and 60 MB; texts
                                                      per second with 4 and 20 labels, one by one and in one call
      [--python BIN] [--rounds 3]                     with a Python that has gliner, the large one in turns with
                                                      ONNX Runtime on what that library exports, and ratios`

const OPTIONS = {
  threads: { type: 'string', default: String(availableParallelism()) },
  texts: { type: 'string', default: '16' },
  python: { type: 'string' },
  rounds: { type: 'string', default: '3' },
} as const

const VARIANTS: readonly (Pick<GlinerRequest, 'dtype' | 'quantize'> & { readonly name: string })[] = [
  { name: 'float32', dtype: 'float32' },
  { name: 'bf16', dtype: 'bfloat16' },
  { name: 'fp16', dtype: 'float16' },
  { name: 'int8', quantize: 'int8' },
]

/** Loads both models in each precision, in a process of its own, and prints what it took. */
export async function benchGliner(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const [folder] = positionals
  if (folder === undefined) throw new TypeError(`FOLDER is missing\n${GLINER_USAGE}`)
  const made = join(folder, 'gliner-166m')
  if (!existsSync(join(made, 'model.safetensors'))) await makeGliner(made)
  const request = {
    threads: wholeNumber('threads', values.threads),
    texts: wholeNumber('texts', values.texts, 0),
  }
  for (const [title, model] of [
    ['bundled', demoGliner],
    ['166 million', made],
  ] as const) {
    console.log(title)
    const rows = []
    for (const { name, ...precision } of VARIANTS) {
      const asked: GlinerRequest = { ...request, ...precision, folder: model }
      const figures: GlinerFigures = await measureInChild('gliner-once', asked, join(folder, 'cache'))
      const rounded = Object.entries(figures).map(([figure, value]) => [figure, Number(value.toPrecision(4))])
      rows.push({ weights: name, ...Object.fromEntries(rounded) })
    }
    console.table(rows)
  }
  if (values.python !== undefined)
    await compareWithPeer(values.python, wholeNumber('rounds', values.rounds), request, made)
}

const PEER = 'onnxruntime-node'

/** Texts per second of the large model and of its export, in turns. */
async function compareWithPeer(
  python: string,
  rounds: number,
  request: Pick<GlinerRequest, 'threads' | 'texts'>,
  model: string,
): Promise<void> {
  const exported = `${model}-onnx`
  if (!existsSync(join(exported, 'calls.safetensors')))
    await exportPeer(python, model, exported, request.texts)
  const cache = join(model, '..', 'cache')
  const ours = VARIANTS.filter(({ name }) => ['float32', 'int8'].includes(name))
  const contenders = [{ name: PEER }, ...ours]
  const samples: Sample[] = []
  for (let round = 0; round < rounds; round++)
    for (const { name, ...precision } of inTurn(contenders, round)) {
      const found: GlinerFigures =
        name === PEER
          ? await measureInChild('gliner-peer-once', { ...request, folder: exported }, cache)
          : await measureInChild('gliner-once', { ...request, ...precision, folder: model }, cache)
      for (const [figure, value] of Object.entries(found))
        samples.push({ round, contender: name, figure, value })
    }
  const rows = LABEL_COUNTS.flatMap(speedNames).map((figure) => {
    const cell = (name: string) => short(median(valuesOf(samples, name, figure)))
    const times = (name: string) => short(ratio(samples, [name, figure], [PEER, figure])!.median)
    const figures = contenders.map(({ name }) => [name, cell(name)] as const)
    const ratios = ours.map(({ name }) => [`${name}, times`, times(name)] as const)
    return { figure, ...Object.fromEntries([...figures, ...ratios]) }
  })
  console.table(rows)
}
