import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { DISTURBED, undisturbed } from '../measure/disturbance.js'
import { measureInChild, runMain } from '../measure/run-child.js'
import { inTurn, type Sample } from '../measure/samples.js'
import type { QuantizeFigures } from '../measure-quantize.js'
import { readBandwidth } from './bandwidth.js'
import { type Contender, prepareContenders, type Recipes } from './contenders.js'
import type { EngineName } from './engines/engine.js'
import { SUBJECTS, type Subject } from './figures.js'
import type { Measurement, MeasureRequest } from './measure-model.js'
import { figureRows, type Machine, type Report } from './report.js'
import { coldStart, firstStart, type MeasureStart, untilCompiled } from './starts.js'
import { judgeTargets } from './targets.js'
import { bandwidthShares, type TokenBytes, tokenBytes } from './token-bytes.js'

export interface CompareOptions {
  /** Where the contenders' models are written, and found again by the next comparison. */
  readonly work: string
  readonly rounds: number
  /** How often a run that other work disturbed is made again. */
  readonly repeats: number
  readonly threads: number
  readonly tokens: number
  readonly contexts: readonly number[]
  readonly prefills: readonly number[]
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
 * process of its own, so that a slow minute of the machine hits all of them; a run that other work disturbed is repeated.
 */
export async function compare(source: string, options: CompareOptions): Promise<Report> {
  const { work, rounds, threads, report, only } = options
  const machine = describeMachine()
  const model = await readModel(source)
  const contenders = await prepareContenders(source, work, options, report)
  const subjects = SUBJECTS.filter((subject) => only.includes(subject))
  const bytes = await bytesOfTokens(contenders, source)
  const cache = join(work, 'cache')
  const disturbed: number[] = []
  const measure = createMeasuring(model, options, disturbed)
  const measureStart: MeasureStart = async (contender, folder) =>
    (await measure(contender, ['start'], folder))['start warm']!
  // Once: a second try would find what the first one has begun to compile, which is what looks like other work, too.
  const measureFirst: MeasureStart = async (contender, folder) =>
    (await measureOnce(requestOf(contender, ['start'], model, options), folder))['start warm']!
  const samples: Sample[] = []
  if (subjects.includes('start')) {
    for (const contender of contenders) {
      const found = await firstStart(contender, work, measureFirst)
      report(`${contender.name}: ${oneLine(found)}`)
      samples.push(...toSamples(contender.name, 0, found))
    }
  }
  for (const contender of contenders.filter(({ engine }) => engine === 'hfquant')) {
    // What the starts of the rounds find.
    await measureStart(contender, cache)
    await untilCompiled(cache)
  }
  for (let round = 0; round < rounds; round++) {
    const bandwidth = await readBandwidth(threads)
    samples.push({ round, contender: MEMORY, figure: 'bandwidth', value: bandwidth / 1e9 })
    report(`round ${round + 1} of ${rounds}, memory: ${(bandwidth / 1e9).toFixed(1)} GB/s`)
    for (const contender of inTurn(contenders, round)) {
      const cold = subjects.includes('start') ? await coldStart(contender, cache, measureStart) : {}
      const found = { ...cold, ...(await measure(contender, subjects, cache)) }
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
    ...{ threads, rounds, contenders, samples, disturbed },
    figures: figureRows(contenders, samples),
    targets: judgeTargets(contenders, { samples, fourBitBytes }),
  }
}

type Measure = (contender: Contender, subjects: readonly Subject[], cache: string) => Promise<Measurement>

/** @param disturbed gets the disturbance of each run that was never quiet. */
function createMeasuring(model: Model, options: CompareOptions, disturbed: number[]): Measure {
  return async (contender, subjects, cache) => {
    const request = requestOf(contender, subjects, model, options)
    const quiet = await undisturbed<Measurement>(() => measureOnce(request, cache), {
      repeats: options.repeats,
      report: (line) => options.report(`${contender.name}: ${line}`),
    })
    if (quiet.disturbance > DISTURBED) disturbed.push(quiet.disturbance)
    return quiet.found
  }
}

const measureOnce = (request: MeasureRequest, cache: string): Promise<Measurement> =>
  measureInChild('compare-once', request, cache)

const requestOf = (
  { engine, path }: Contender,
  subjects: readonly Subject[],
  { vocabulary, contextLength }: Model,
  { threads, tokens, contexts, prefills }: CompareOptions,
): MeasureRequest => ({
  ...{ engine, path, threads, subjects },
  ...{ vocabulary, contextLength, tokens, contexts, prefills },
})

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
