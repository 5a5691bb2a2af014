import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quantizeModel, recipe } from 'hfquant'
import { BILLION, makeCheckpoint } from './make-checkpoint.js'
import { createRandom } from './measure/random.js'

/** Seconds of one module; work that modules share is counted for the first of them. */
export interface GptqModuleFigures {
  readonly module: string
  readonly forward: number
  readonly hessian: number
  readonly factorization: number
  readonly columns: number
  /** Loops in plain JavaScript, reading and packing included. */
  readonly javascript: number
  readonly loss: number | undefined
  /** Share of the module's outputs that is lost. */
  readonly relativeError: number | undefined
  /** Of the process until then: the last module of every layer says how much more that layer took. */
  readonly peakRssMebibytes: number
}

export interface GptqLayerFigures {
  readonly modules: readonly GptqModuleFigures[]
  readonly seconds: number
  /** Share of the time in plain JavaScript loops. */
  readonly javascriptShare: number
  readonly peakRssMebibytes: number
}

export interface GptqLayerRun {
  readonly recipe: string
  readonly layers: number
  readonly samples: number
  readonly sequenceLength: number
}

/** Calibrates decoder layers of the 1.1-billion-parameter shape with random tokens. */
export async function measureGptqLayer(folder: string, run: GptqLayerRun): Promise<GptqLayerFigures> {
  if (!existsSync(join(folder, 'config.json')))
    await makeCheckpoint(folder, { ...BILLION, layers: run.layers })
  const parent = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), 'hfquant-bench-'))
  const modules: GptqModuleFigures[] = []
  try {
    const { samples, sequenceLength } = run
    const calibration = randomTokens(samples, sequenceLength, BILLION.vocabulary)
    const quantizationConfig = await recipe(run.recipe, { calibration, samples, sequenceLength })
    const start = performance.now()
    await quantizeModel(folder, join(parent, 'out'), {
      quantizationConfig,
      onProgress({ stage, tensor, loss, relativeError, seconds = {} }) {
        if (stage !== 'calibrate') return
        const {
          forward = 0,
          statistics: hessian = 0,
          factorization = 0,
          columns = 0,
          javascript = 0,
        } = seconds
        const phases = { forward, hessian, factorization, columns, javascript }
        const peakRssMebibytes = process.resourceUsage().maxRSS / 1024
        modules.push({ module: tensor, ...phases, loss, relativeError, peakRssMebibytes })
      },
    })
    const seconds = (performance.now() - start) / 1000
    const javascript = modules.reduce((sum, module) => sum + module.javascript, 0)
    return {
      modules,
      seconds,
      javascriptShare: javascript / seconds,
      peakRssMebibytes: process.resourceUsage().maxRSS / 1024,
    }
  } finally {
    await rm(parent, { recursive: true, force: true })
  }
}

/** The same every time. */
function randomTokens(samples: number, length: number, vocabulary: number): number[][] {
  const random = createRandom(0x9e3779b9)
  return Array.from({ length: samples }, () => Array.from({ length }, () => random() % vocabulary))
}
