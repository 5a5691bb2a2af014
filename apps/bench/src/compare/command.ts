import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { listed, someOf, wholeNumber } from '../measure/arguments.js'
import { drawChart } from './chart.js'
import { type CompareOptions, compare } from './compare.js'
import { ENGINES } from './engines/engine.js'
import { DECODE_CONTEXTS, PREFILL_LENGTHS, SUBJECTS } from './figures.js'
import { grow } from './grow.js'
import { formatReport, type Report } from './report.js'

export const COMPARE_USAGE = `  pnpm bench compare FOLDER [--work DIR] [--rounds 5] [--threads 2] [--tokens 32] [--only decode,…]
                     [--quick] [--repeats 2]
                                                      hfquant and its peers in turns, on the weights of a float
                                                      checkpoint that has a tokenizer; models are written to DIR
  pnpm bench grow DIR [--sizes 2,4,8] [the same options]
                                                      the same for models of several depths, which it makes in DIR

  --contexts ${DECODE_CONTEXTS.join(',')}, as far as the model has positions (make-checkpoint --positions)
  --quick    4 bits against node-llama-cpp in short contexts, some three minutes; options change it
  --repeats  how often a run is made again of which other work took more than 5 % of the processors: 2
  --only     ${[...SUBJECTS, 'quantize'].join(', ')}
  --engines  ${ENGINES.join(', ')}
  --four-bit, --eight-bit   recipes of hfquant, separated by commas
  --json FILE, --chart FILE.svg   everything that was measured; bars`

const OPTIONS = {
  work: { type: 'string' },
  quick: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  repeats: { type: 'string' },
  threads: { type: 'string' },
  tokens: { type: 'string' },
  contexts: { type: 'string' },
  sizes: { type: 'string' },
  only: { type: 'string' },
  engines: { type: 'string' },
  'four-bit': { type: 'string' },
  'eight-bit': { type: 'string' },
  json: { type: 'string' },
  chart: { type: 'string' },
} as const

const DEFAULTS = {
  rounds: '5',
  repeats: '2',
  threads: String(availableParallelism()),
  tokens: '32',
  contexts: DECODE_CONTEXTS.join(','),
  sizes: '2,4,8',
  engines: ENGINES.join(','),
  'four-bit': 'rtn-int4,rtn-int4-g32',
  'eight-bit': 'int8-weight-only,int8-dynamic-act-int8-weight',
}

/** One recipe and its peer. */
const QUICK = {
  ...DEFAULTS,
  rounds: '2',
  contexts: '128,1024',
  only: 'start,memory,prefill,decode',
  engines: 'hfquant,node-llama-cpp',
  'four-bit': 'rtn-int4',
  'eight-bit': '',
}

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
  const { values: given, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const values = { only: undefined, ...(given.quick ? QUICK : DEFAULTS), ...given }
  const [folder] = positionals
  if (folder === undefined) throw new TypeError(`which folder?\n${COMPARE_USAGE}`)
  const options: CompareOptions = {
    work: values.work ?? `${folder.replace(/\/+$/, '')}-compared`,
    rounds: wholeNumber('rounds', values.rounds),
    repeats: wholeNumber('repeats', values.repeats, 0),
    threads: wholeNumber('threads', values.threads),
    tokens: wholeNumber('tokens', values.tokens),
    contexts: numbers('contexts', values.contexts),
    // Read on the way to the contexts, the prompts of a quick comparison take no time of their own.
    prefills: values.quick ? numbers('contexts', values.contexts) : PREFILL_LENGTHS,
    engines: someOf('engines', values.engines, ENGINES),
    recipes: { four: listed(values['four-bit']), eight: listed(values['eight-bit']) },
    only: values.only === undefined ? subjects : someOf('only', values.only, [...SUBJECTS, 'quantize']),
    report: (line) => console.error(line),
  }
  const sizes = numbers('sizes', values.sizes)
  return { folder, options, sizes, output: { json: values.json, chart: values.chart } }
}

const numbers = (name: string, text: string): number[] => listed(text).map((item) => wholeNumber(name, item))

async function publish(report: Report, { json, chart }: Output): Promise<void> {
  console.log(formatReport(report))
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`)
  if (chart !== undefined) await writeFile(chart, drawChart(report))
}
