import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { demoModel } from 'hfquant/demo'
import { wholeNumber } from '../measure/arguments.js'
import { percentile, short } from '../measure/samples.js'
import { serveHfquant } from '../serve/served-process.js'
import { formatVerdicts, judge, type Verdict } from '../serve/verdict.js'
import type { Second } from '../serve/watch-process.js'
import { type SoakFigures, soak } from './soak.js'

export const SOAK_USAGE = `  pnpm bench soak [FOLDER] [--minutes 1] [--times 3] [--sequences 8] [--queue 64] [--threads 1] [--json FILE]
                                                      hfquant serve with more clients than it can take: some wait,
                                                      some leave, stop reading, send half, or lie; what was lost,
                                                      memory, and how late a 10 ms timer of the server was. Of Linux,
                                                      on this machine only; without FOLDER the bundled model`

const OPTIONS = {
  minutes: { type: 'string', default: '1' },
  times: { type: 'string', default: '3' },
  sequences: { type: 'string', default: '8' },
  queue: { type: 'string', default: '64' },
  threads: { type: 'string', default: '1' },
  json: { type: 'string' },
} as const

const MOST_MINUTES = 60

export async function runSoak(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const minutes = Number(values.minutes)
  if (!(minutes > 0 && minutes <= MOST_MINUTES))
    throw new TypeError(`--minutes is ${values.minutes}, expected at most ${MOST_MINUTES}`)
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-soak-'))
  try {
    const template = join(folder, 'template.jinja')
    await writeFile(template, '{% for message in messages %}{{ message.content }}{% endfor %}')
    // Small, so that what is kept for prompts that begin alike does not look like a leak.
    const limits = [
      '--max-sequences',
      values.sequences,
      '--max-queue',
      values.queue,
      '--kv-cache-memory',
      '64MiB',
    ]
    await using server = await serveHfquant([
      ...[`soak=${positionals[0] ?? demoModel}`, '--chat-template', template, '--threads', values.threads],
      ...limits,
    ])
    const figures = await soak(server, {
      ...{ minutes, times: Number(values.times), maxSequences: wholeNumber('sequences', values.sequences) },
      report: (line) => console.error(line),
    })
    const status = await server.stop()
    if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`)
    console.log(formatVerdicts(judgeSoak(figures, status)))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Seconds in which other programs used less than this share of a core. */
const FREE = 0.1
/** Caches fill and code is compiled before. */
const WARM = 60

function judgeSoak(figures: SoakFigures, status: number | null): readonly Verdict[] {
  const { outcomes, notes, seconds, before, after, capacity } = figures
  const warm = seconds.filter(({ at }) => at > Math.min(WARM, seconds.length / 2))
  const free = warm.filter(({ othersCores }) => othersCores < FREE)
  const latest = (some: readonly Second[]) =>
    Math.max(Number.NEGATIVE_INFINITY, ...some.map((one) => one.timerLate))
  const kinds = Object.entries(outcomes).map(([name, count]) => `${count} ${name}`)
  const worst = Object.entries(notes)
    .slice(0, 3)
    .map(([note, count]) => `${count} × ${note}`)
  const mean = (some: readonly Second[]) =>
    some.reduce((sum, { anonymous }) => sum + anonymous, 0) / Math.max(some.length, 1) / 1e6
  const third = Math.floor(warm.length / 3)
  return [
    judge('accepted and lost', outcomes.lost, { most: 0 }, kinds.join(', ')),
    judge('answered otherwise than promised', outcomes.wrong, { most: 0 }, worst.join('; ')),
    judge('a full queue is told, p99', percentile(figures.refusedAfter, 0.99), { most: 50, unit: ' ms' }),
    judge(
      ...(['work, of what patient clients get', figures.tokens / capacity.tokens, { least: 0.95 }] as const),
      `${short(figures.tokens)} tokens/s at ${short(figures.rate)} clients/s`,
    ),
    judge(
      ...([
        'own memory, last third over the middle one',
        mean(warm.slice(-third)) - mean(warm.slice(third, -third)),
      ] as const),
      { most: 16, unit: ' MB' },
      `${short(mean(warm.slice(-third)))} MB`,
    ),
    judge(
      ...([
        'own memory, most over that before',
        Math.max(...warm.map(({ anonymous }) => anonymous)) / 1e6 - before.anonymous / 1e6,
      ] as const),
      { most: 64, unit: ' MB' },
    ),
    judge('10 ms timer late, in all', latest(warm), { most: 50, unit: ' ms' }, `${warm.length} s`),
    judge(
      ...(['the same, others used no core', free.length === 0 ? Number.NaN : latest(free)] as const),
      { most: 50, unit: ' ms' },
      `${free.length} s`,
    ),
    judge('seconds with a timer more than 50 ms late', warm.filter((one) => one.timerLate > 50).length, {
      most: 0,
    }),
    judge('idle again', figures.idleAfter, { most: 5, unit: ' s' }),
    judge('descriptors that stay open', after.descriptors - before.descriptors, { most: 8 }),
    judge('exit status', status ?? Number.NaN, { most: 0 }, `${figures.skipped} clients left out`),
  ]
}
