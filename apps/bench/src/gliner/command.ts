import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { demoGliner } from 'hfquant/demo'
import { wholeNumber } from '../measure/arguments.js'
import { measureInChild } from '../measure/run-child.js'
import { makeGliner } from './make-gliner.js'
import type { GlinerFigures, GlinerRequest } from './measure-gliner.js'

export const GLINER_USAGE = `  pnpm bench gliner FOLDER [--threads 2] [--texts 16]   GLiNER, the bundled one and one with 166 million random weights that it
                                                      makes in FOLDER unless it is there: memory while it is loaded in
                                                      each precision, against 1.15 times the weights and 60 MB; texts
                                                      per second with 4 and 20 labels, one by one and in one call`

const OPTIONS = {
  threads: { type: 'string', default: String(availableParallelism()) },
  texts: { type: 'string', default: '16' },
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
}
