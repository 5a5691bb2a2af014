import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { drawChart } from './chart.js'
import { type CompareOptions, compare } from './compare.js'
import { ENGINES, type EngineName } from './engines/engine.js'
import { DECODE_CONTEXTS, SUBJECTS } from './figures.js'
import { grow } from './grow.js'
import { formatReport, type Report } from './report.js'

export const COMPARE_USAGE = `  pnpm bench compare FOLDER [--work DIR] [--rounds 5] [--threads 2] [--tokens 32] [--only decode,…]
                                                      hfquant and its peers in turns, on the weights of a float
                                                      checkpoint that has a tokenizer; models are written to DIR
  pnpm bench grow DIR [--sizes 2,4,8] [the same options]
                                                      the same for models of several depths, which it makes in DIR

  --contexts ${DECODE_CONTEXTS.join(',')}, as far as the model has positions (make-checkpoint --positions)
  --only     ${[...SUBJECTS, 'quantize'].join(', ')}
  --engines  ${ENGINES.join(', ')}
  --four-bit, --eight-bit   recipes of hfquant, separated by commas
  --json FILE, --chart FILE.svg   everything that was measured; bars`

const OPTIONS = {
  work: { type: 'string' },
  rounds: { type: 'string', default: '5' },
  threads: { type: 'string', default: String(availableParallelism()) },
  tokens: { type: 'string', default: '32' },
  contexts: { type: 'string', default: DECODE_CONTEXTS.join(',') },
  sizes: { type: 'string', default: '2,4,8' },
  only: { type: 'string' },
  engines: { type: 'string', default: ENGINES.join(',') },
  'four-bit': { type: 'string', default: 'rtn-int4,rtn-int4-g32' },
  'eight-bit': { type: 'string', default: 'int8-weight-only,int8-dynamic-act-int8-weight' },
  json: { type: 'string' },
  chart: { type: 'string' },
} as const

/** The commands of comparisons, by name; each gets the arguments behind its own. */
export const COMPARISONS = {
  compare: async (args: string[]) => {
    const { folder, options, output } = readArguments(args, [...SUBJECTS, 'quantize'])
    await publish(await compare(folder, options), output)
  },
  grow: async (args: string[]) => {
    const { folder, options, output, sizes } = readArguments(args, ['start', 'decode', 'quantize'])
    await publish(await grow(folder, sizes, options), output)
  },
}

interface Output {
  readonly json: string | undefined
  readonly chart: string | undefined
}

function readArguments(args: string[], subjects: readonly string[]) {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const [folder] = positionals
  if (folder === undefined) throw new TypeError(`which folder?\n${COMPARE_USAGE}`)
  const list = (text: string) => text.split(',').filter((item) => item !== '')
  const options: CompareOptions = {
    work: values.work ?? `${folder.replace(/\/+$/, '')}-compared`,
    rounds: wholeNumber('rounds', values.rounds),
    threads: wholeNumber('threads', values.threads),
    tokens: wholeNumber('tokens', values.tokens),
    contexts: list(values.contexts).map((text) => wholeNumber('contexts', text)),
    engines: someOf('engines', list(values.engines), ENGINES) as readonly EngineName[],
    recipes: { four: list(values['four-bit']), eight: list(values['eight-bit']) },
    only: values.only === undefined ? subjects : someOf('only', list(values.only), [...SUBJECTS, 'quantize']),
    report: (line) => console.error(line),
  }
  const sizes = list(values.sizes).map((text) => wholeNumber('sizes', text))
  return { folder, options, sizes, output: { json: values.json, chart: values.chart } }
}

function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text)
  throw new TypeError(`--${name} is ${text}, expected a whole number of at least 1`)
}

function someOf(name: string, found: readonly string[], known: readonly string[]): readonly string[] {
  const stranger = found.find((item) => !known.includes(item))
  if (stranger === undefined) return found
  throw new TypeError(`--${name} has "${stranger}", expected some of ${known.join(', ')}`)
}

async function publish(report: Report, { json, chart }: Output): Promise<void> {
  console.log(formatReport(report))
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`)
  if (chart !== undefined) await writeFile(chart, drawChart(report))
}
