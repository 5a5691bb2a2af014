import { existsSync, statSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { cacheFolder } from 'hfquant'
import type { QuantizeFigures } from '../measure-quantize.js'
import { readBandwidth } from './bandwidth.js'
import { type Contender, prepareContenders, type Recipes } from './contenders.js'
import type { EngineName } from './engines/engine.js'
import { SUBJECTS, type Subject } from './figures.js'
import { figureRows, type Machine, type Report } from './report.js'
import { measureInChild, runMain } from './run-child.js'
import type { Sample } from './samples.js'
import { judgeTargets } from './targets.js'
import { bandwidthShares, type TokenBytes, tokenBytes } from './token-bytes.js'

export interface CompareOptions {
  /** Where the contenders' models are written, and found again by the next comparison. */
  readonly work: string
  readonly rounds: number
  readonly threads: number
  readonly tokens: number
  readonly contexts: readonly number[]
  readonly engines: readonly EngineName[]
  readonly recipes: Recipes
  /** Of `SUBJECTS`, and 'quantize'. */
  readonly only: readonly string[]
  readonly report: (line: string) => void
}

interface Model {
  readonly vocabulary: number
  readonly contextLength: number
}

/**
 * Compares hfquant with its peers on one float checkpoint. Contenders take turns within every round, each run in a
 * process of its own, so that a slow minute of the machine hits all of them.
 */
export async function compare(source: string, options: CompareOptions): Promise<Report> {
  const { work, rounds, threads, report, only } = options
  const machine = describeMachine()
  const model = await readModel(source)
  const contenders = await prepareContenders(source, work, options, report)
  const subjects = SUBJECTS.filter((subject) => only.includes(subject))
  const samples: Sample[] = []
  if (subjects.includes('start')) samples.push(...(await coldStarts(contenders, model, options)))
  const bytes = await bytesOfTokens(contenders, source)
  for (let round = 0; round < rounds; round++) {
    const bandwidth = await readBandwidth(threads)
    samples.push({ round, contender: MEMORY, figure: 'bandwidth', value: bandwidth / 1e9 })
    report(`round ${round + 1} of ${rounds}, memory: ${(bandwidth / 1e9).toFixed(1)} GB/s`)
    for (const contender of inTurn(contenders, round)) {
      const found = await measure(contender, model, subjects, join(work, 'cache'), options)
      report(`round ${round + 1} of ${rounds}, ${contender.name}: ${oneLine(found)}`)
      const shares = bandwidthShares(found, bytes.get(contender), bandwidth)
      samples.push(...toSamples(contender.name, round, { ...found, ...shares }))
    }
    if (only.includes('quantize')) samples.push(...(await quantizeAll(source, round, options)))
  }
  const fourBit = join(work, 'Q4_0.gguf')
  const fourBitBytes = existsSync(fourBit) ? statSync(fourBit).size : undefined
  return {
    source,
    machine,
    versions: versions(),
    ...{ threads, rounds, contenders, samples },
    figures: figureRows(contenders, samples),
    targets: judgeTargets(contenders, { samples, fourBitBytes }),
  }
}

/** Whose bandwidth is a figure. */
const MEMORY = 'memory'

async function bytesOfTokens(
  contenders: readonly Contender[],
  source: string,
): Promise<ReadonlyMap<Contender, TokenBytes>> {
  const known = new Map<Contender, TokenBytes>()
  for (const contender of contenders) {
    const bytes = await tokenBytes(contender, source)
    if (bytes !== undefined) known.set(contender, bytes)
  }
  return known
}

/** Every other round the other way round, so that nobody always runs behind the same neighbour. */
const inTurn = (contenders: readonly Contender[], round: number): readonly Contender[] =>
  round % 2 === 0 ? contenders : [...contenders].reverse()

/** First starts: hfquant finds nothing compiled. Once a contender, as it compiles for seconds. */
async function coldStarts(
  contenders: readonly Contender[],
  model: Model,
  options: CompareOptions,
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (const contender of contenders) {
    const cache = await mkdtemp(join(options.work, 'cold-'))
    try {
      const found = await measure(contender, model, ['start'], cache, options)
      samples.push({ round: 0, contender: contender.name, figure: 'start cold', value: found['start warm']! })
      await compiled(cache)
    } finally {
      await rm(cache, { recursive: true, force: true })
    }
    // What the warm starts of the rounds find.
    await measure(contender, model, ['start'], join(options.work, 'cache'), options)
    await compiled(join(options.work, 'cache'))
  }
  return samples
}

/** Waits for the process that compiles a model once it has answered: what is measured next has the machine to itself. */
async function compiled(cache: string): Promise<void> {
  const work = join(cacheFolder({ HFQUANT_CACHE: cache }), 'work')
  while ((await readdir(work).catch(() => [])).length > 0) await setTimeout(100)
}

const measure = (
  { engine, path }: Contender,
  { vocabulary, contextLength }: Model,
  subjects: readonly Subject[],
  cache: string,
  { threads, tokens, contexts }: CompareOptions,
) => measureInChild({ engine, path, threads, vocabulary, contextLength, tokens, contexts, subjects }, cache)

async function quantizeAll(
  source: string,
  round: number,
  { recipes, report }: CompareOptions,
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (const recipe of [...recipes.four, ...recipes.eight]) {
    const found = JSON.parse(await runMain(['quantize-once', source, '--recipe', recipe])) as QuantizeFigures
    const value = found.sourceMegabytesPerSecond
    report(`round ${round + 1}, quantize ${recipe}: ${value.toFixed(0)} MB/s`)
    samples.push({ round, contender: `hfquant ${recipe}`, figure: 'quantize', value })
  }
  return samples
}

const toSamples = (contender: string, round: number, found: Readonly<Record<string, number>>): Sample[] =>
  Object.entries(found).map(([figure, value]) => ({ round, contender, figure, value }))

const oneLine = (found: Readonly<Record<string, number>>): string =>
  Object.entries(found)
    .map(([figure, value]) => `${figure} ${value.toPrecision(3)}`)
    .join(', ')

async function readModel(folder: string): Promise<Model> {
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as Record<string, number>
  return { vocabulary: config.vocab_size!, contextLength: config.max_position_embeddings ?? 2048 }
}

const describeMachine = (): Machine => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryBytes: totalmem(),
  load: loadavg()[0]!,
})

function versions(): Record<string, string> {
  const require = createRequire(import.meta.url)
  const version = (name: string) => {
    const folder = require.resolve.paths(name)?.find((path) => existsSync(join(path, name, 'package.json')))
    return folder === undefined
      ? undefined
      : (require(join(folder, name, 'package.json')) as { version: string }).version
  }
  const found = ['hfquant', 'node-llama-cpp', '@huggingface/transformers'].map(
    (name) => [name, version(name)] as const,
  )
  return {
    node: process.version,
    ...Object.fromEntries(found.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
  }
}
