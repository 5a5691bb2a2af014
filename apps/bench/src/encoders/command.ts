import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ENCODER_SHAPES, makeCheckpoint } from '../make-checkpoint.js'
import { someOf, wholeNumber } from '../measure/arguments.js'
import { measureInChild } from '../measure/run-child.js'
import { inTurn, ratio, type Sample, spread, valuesOf } from '../measure/samples.js'
import type { EmbedderName } from './embedder.js'
import type { TextsFigures, TextsRequest } from './measure-texts.js'

export const ENCODERS_USAGE = `  pnpm bench encoders FOLDER [--shapes bert-base,minilm] [--rounds 3] [--threads 2] [--texts 32] [--only NAME,…]
                                                      texts per second, one and 32 in a call, 8 to 256 tokens long, of
                                                      hfquant and @huggingface/transformers in turns, on encoders of
                                                      random weights that it makes in FOLDER unless they are there`

const SHAPE_NAMES = Object.keys(ENCODER_SHAPES) as (keyof typeof ENCODER_SHAPES)[]

const OPTIONS = {
  shapes: { type: 'string', default: SHAPE_NAMES.join(',') },
  rounds: { type: 'string', default: '3' },
  threads: { type: 'string', default: String(availableParallelism()) },
  texts: { type: 'string', default: '32' },
  only: { type: 'string' },
} as const

interface Contender {
  readonly name: string
  readonly engine: EmbedderName
  /** Beside the float checkpoint, by its name and this ending. */
  readonly ending: string
  readonly make?: (source: string, out: string) => Promise<unknown>
  /** Whose figures it is compared with. */
  readonly against?: string
}

const CONTENDERS: readonly Contender[] = [
  { name: 'hfquant float', engine: 'hfquant', ending: '', against: 'transformers.js fp32' },
  exported('fp32'),
  {
    ...{ name: 'hfquant int8', engine: 'hfquant', ending: '-int8', against: 'transformers.js q8' },
    async make(source, out) {
      const { quantizeModel, recipe } = await import('hfquant')
      await quantizeModel(source, out, { quantizationConfig: await recipe('int8-dynamic-act-int8-weight') })
    },
  },
  exported('q8'),
]

function exported(type: 'fp32' | 'q8'): Contender {
  return {
    ...{ name: `transformers.js ${type}`, engine: 'transformers.js', ending: `-${type}` },
    async make(source, out) {
      const { exportModel } = await import('hfquant')
      await exportModel(source, out, { format: 'onnx', type })
    },
  }
}

/** Measures encoders of each shape, and prints medians and ratios. */
export async function measureEncoders(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const [folder] = positionals
  if (folder === undefined) throw new TypeError(`FOLDER is missing\n${ENCODERS_USAGE}`)
  const shapes = someOf('shapes', values.shapes, SHAPE_NAMES)
  const names = CONTENDERS.map(({ name }) => name)
  const only = values.only === undefined ? names : someOf('only', values.only, names)
  const contenders = CONTENDERS.filter(({ name }) => only.includes(name))
  const number = (option: 'rounds' | 'threads' | 'texts') => wholeNumber(option, values[option])
  const [rounds, threads, texts] = [number('rounds'), number('threads'), number('texts')]
  for (const shape of shapes) {
    const source = join(folder, shape)
    await prepare(source, shape, contenders)
    const samples: Sample[] = []
    for (let round = 0; round < rounds; round++) {
      for (const contender of inTurn(contenders, round)) {
        const { name, engine, ending } = contender
        const { vocabulary } = ENCODER_SHAPES[shape]
        const request: TextsRequest = {
          ...{ engine, threads, vocabulary, texts, folder: source + ending },
          batches: [1, texts],
        }
        const found: TextsFigures = await measureInChild('encoders-once', request, join(folder, 'cache'))
        for (const [figure, value] of Object.entries(found))
          samples.push({ round, contender: name, figure, value })
      }
    }
    console.log(shape)
    console.table(contenders.map((contender) => rowOf(contender, samples)))
  }
}

async function prepare(
  source: string,
  shape: keyof typeof ENCODER_SHAPES,
  contenders: readonly Contender[],
): Promise<void> {
  if (!existsSync(join(source, 'model.safetensors'))) await makeCheckpoint(source, ENCODER_SHAPES[shape])
  for (const { ending, make } of contenders)
    if (!existsSync(source + ending)) await make?.(source, source + ending)
}

function rowOf({ name, against }: Contender, samples: readonly Sample[]): object {
  const figures = [...new Set(samples.map(({ figure }) => figure))]
  const medians = figures.map((figure) => {
    const values = valuesOf(samples, name, figure)
    return [figure, values.length === 0 ? undefined : rounded(spread(values).median)] as const
  })
  const ratios = figures
    .filter((figure) => figure.startsWith('texts/s'))
    .map((figure) => {
      const times = against && ratio(samples, [name, figure], [against, figure])
      return [figure.replace('texts/s', 'times'), times ? rounded(times.median) : undefined] as const
    })
  return { contender: name, ...Object.fromEntries([...medians, ...ratios]) }
}

const rounded = (value: number): number => Number(value.toPrecision(4))
