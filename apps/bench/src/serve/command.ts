import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { demoGliner } from 'hfquant/demo'
import { prepareContenders } from '../compare/contenders.js'
import { someOf, wholeNumber } from '../measure/arguments.js'
import { BARS } from './bars.js'
import { formatVerdicts, type Verdict } from './verdict.js'

export const SERVE_USAGE = `  pnpm bench serve FOLDER [--work DIR] [--rounds 2] [--threads 2] [--only http,peer-4,…] [--json FILE]
                                                      hfquant serve beside the library alone, and beside
                                                      node-llama-cpp behind the same server; whether each bar is met.
                                                      Of: ${Object.keys(BARS).join(', ')}`

const OPTIONS = {
  work: { type: 'string' },
  rounds: { type: 'string', default: '2' },
  threads: { type: 'string', default: String(availableParallelism()) },
  only: { type: 'string', default: Object.keys(BARS).join(',') },
  json: { type: 'string' },
} as const

const [FOUR_BIT, EIGHT_BIT] = ['rtn-int4', 'int8-dynamic-act-int8-weight']

/** Measures a server on the weights of a float checkpoint; models are written to the work folder. */
export async function measureServing(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const [folder] = positionals
  if (folder === undefined) throw new TypeError(`which folder?\n${SERVE_USAGE}`)
  const names = someOf('only', values.only, Object.keys(BARS))
  const work = values.work ?? `${folder.replace(/\/+$/, '')}-compared`
  const report = (line: string) => console.error(line)
  await prepareContenders(
    ...([folder, work] as const),
    { engines: ['hfquant', 'node-llama-cpp'], recipes: { four: [FOUR_BIT], eight: [EIGHT_BIT] } },
    report,
  )
  process.env.HFQUANT_CACHE ??= join(work, 'cache')
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as { vocab_size: number }
  const verdicts: Verdict[] = []
  for (const name of names) {
    report(`${name}, load of the machine ${loadavg()[0]!.toFixed(1)}`)
    // What cannot be measured leaves the other figures.
    const failed = (error: Error): Verdict[] => [
      { what: name, bar: '', found: error.message.slice(0, 200), isMet: undefined },
    ]
    verdicts.push(
      ...(await BARS[name]!({
        models: {
          ...{ float: folder, fourBit: join(work, FOUR_BIT), eightBit: join(work, EIGHT_BIT) },
          ...{ q4: join(work, 'Q4_0.gguf'), q8: join(work, 'Q8_0.gguf'), gliner: demoGliner },
        },
        ...{
          threads: wholeNumber('threads', values.threads),
          rounds: wholeNumber('rounds', values.rounds),
          vocabulary: config.vocab_size,
          report,
        },
      }).catch(failed)),
    )
  }
  console.log(formatVerdicts(verdicts))
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(verdicts, null, 2)}\n`)
}
