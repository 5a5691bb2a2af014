import {
  type Calibration,
  type CalibrationStage,
  CapabilityError,
  cacheFolder,
  type DeferredWeight,
  type LinearGroup,
  type PostprocessContext,
  replaceModule,
} from '@hfquant/core'
import type { GptqSettings } from '../config/settings.js'
import { layoutOf, withLayout } from '../format/layout-of.js'
import { planBatches } from './batches.js'
import { openBlockState, type SavedBlock } from './block-state.js'
import { hessianOf } from './factorize.js'
import { createHiddenStore, type HiddenStore } from './hidden-store.js'
import { createGroupQuantizer, settledLayout, storeParts } from './quantize-module.js'
import { collectSequences } from './sequences.js'
import { createStopwatch, type Stopwatch } from './stopwatch.js'

/** What a calibration works with. */
interface Run {
  readonly settings: GptqSettings
  readonly context: PostprocessContext
  readonly calibration: Calibration
  readonly hidden: HiddenStore
  readonly batches: number
  readonly sequences: number
  readonly tokens: number
  readonly weights: ReadonlyMap<string, DeferredWeight>
  readonly report: (weight: DeferredWeight, loss: number | undefined) => void
  readonly stopwatch: Stopwatch
}

/**
 * Quantizes all deferred weights, block after block: each sees the inputs that the quantized ones before it produce. One
 * block and the Hessians of the modules at work are in memory, and hidden states up to a limit. Finished blocks are kept
 * aside, so that a run that was interrupted goes on where it was.
 *
 * @throws CapabilityError for an architecture that cannot be run block by block; ConfigError for the calibration data;
 * OutputError; the reason of the signal.
 */
export async function calibrate(settings: GptqSettings, context: PostprocessContext): Promise<void> {
  const { calibration, deferred, signal, checkpoint } = context
  if (calibration === undefined) throw notOffered()
  const sequences = await collectSequences(settings, calibration)
  const batches = planBatches(sequences)
  const state = await openBlockState(cacheFolder(), settings, checkpoint, sequences)
  const hidden = createHiddenStore(cacheFolder(), settings.maxHiddenBytes)
  const stopwatch = createStopwatch()
  const run: Run = {
    ...{ settings, context, calibration, hidden },
    batches: batches.length,
    sequences: sequences.length,
    tokens: sequences.reduce((sum, { length }) => sum + length, 0),
    weights: new Map(deferred.map((weight) => [weight.module.weight.path, weight])),
    report: progress(context, stopwatch),
    stopwatch,
  }
  try {
    for (const [index, { ids, sequences: count }] of batches.entries()) {
      signal?.throwIfAborted()
      await hidden.set(index, await calibration.embed(ids, count))
    }
    await calibration.closeEmbedding()
    const last = lastBlock(calibration.blocks, deferred)
    for (const [index, path] of calibration.blocks.slice(0, last + 1).entries()) {
      const own = deferred.filter(({ module }) => isWithin(module.weight.path, path))
      const saved = await state.read(
        index,
        own.map(({ module }) => module),
      )
      const made = await runBlock(run, path, own, saved, index < last)
      if (saved === undefined) await state.write(index, made)
    }
    await state.clear()
  } finally {
    await hidden.close()
  }
}

/** Quantizes a block, or takes over what an earlier run made of it, and passes the hidden states through. */
async function runBlock(
  run: Run,
  path: string,
  own: readonly DeferredWeight[],
  saved: SavedBlock | undefined,
  isRead: boolean,
): Promise<SavedBlock> {
  const { calibration, settings, context } = run
  const parts = new Map<string, ReadonlyMap<string, Uint8Array>>()
  const warnings: string[] = []
  for (const weight of saved === undefined ? [] : own) {
    await adopt(run, weight, saved!.parts.get(weight.module.weight.path)!)
    run.report(weight, undefined)
  }
  for (const warning of saved?.warnings ?? []) context.warn(warning)
  for (const [index, stage, all] of stagesOf(calibration, path, settings)) {
    if (saved === undefined) {
      const levels = settings.trueSequential ? stage.levels : [stage.levels.flat()]
      for (const groups of levels)
        if (groups.length > 0) await quantizeLevel(run, stage, groups, { parts, warnings })
    }
    if (stage.openOutput !== undefined && (isRead || index < all - 1))
      await passThrough(run, stage.openOutput)
  }
  return { parts, warnings }
}

function* stagesOf(
  calibration: Calibration,
  path: string,
  { trueSequential }: GptqSettings,
): Generator<readonly [index: number, stage: CalibrationStage, all: number]> {
  const stages = calibration.openBlock(path, { cut: trueSequential })
  for (const [index, stage] of stages.entries()) yield [index, stage, stages.length]
}

interface Made {
  readonly parts: Map<string, ReadonlyMap<string, Uint8Array>>
  readonly warnings: string[]
}

async function quantizeLevel(
  run: Run,
  stage: CalibrationStage,
  groups: readonly LinearGroup[],
  made: Made,
): Promise<void> {
  const { settings, context, stopwatch, sequences, tokens, weights } = run
  const moments = await sumMoments(run, stage, groups)
  for (const [index, { modules, width }] of groups.entries()) {
    const hessian = await stopwatch.measure('javascript', async () => hessianOf(moments[index]!, sequences))
    if (tokens < 2 * width) {
      context.warn(
        `${modules.join(', ')}: ${tokens} calibration tokens are few for ${width} input features; use ${8 * width}`,
      )
    }
    const quantizer = createGroupQuantizer(hessian, settings, context, stopwatch)
    for (const path of modules) {
      context.signal?.throwIfAborted()
      const weight = weights.get(path)!
      const { parts, loss, warning } = await quantizer.quantize(weight)
      if (warning !== undefined) {
        made.warnings.push(warning)
        context.warn(warning)
      }
      made.parts.set(path, parts)
      await adopt(run, weight, parts)
      run.report(weight, loss)
    }
  }
}

async function sumMoments(
  run: Run,
  stage: CalibrationStage,
  groups: readonly LinearGroup[],
): Promise<Float32Array[]> {
  const pass = await stage.openMoments(groups)
  try {
    for (let batch = 0; batch < run.batches; batch++) {
      run.context.signal?.throwIfAborted()
      await pass.add(await run.hidden.get(batch))
    }
    const moments = [...(await pass.finish())]
    run.stopwatch.add('forward', pass.seconds.forward)
    run.stopwatch.add('hessian', pass.seconds.moments)
    return moments
  } catch (error) {
    await pass.close()
    throw error
  }
}

/** Puts the quantized weight in place: from now on the model computes with what a loader will see. */
async function adopt(
  { calibration, context }: Run,
  { module }: DeferredWeight,
  parts: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const { path } = module.weight
  await storeParts(module, parts)
  const groups = parts.get('g_idx')!
  const groupOf = new Int32Array(groups.buffer, groups.byteOffset, groups.byteLength / 4)
  const layout = settledLayout(layoutOf(module)!, groupOf)
  replaceModule(context.shell.root, path, withLayout(module, layout))
  calibration.settle(path)
}

async function passThrough(run: Run, open: NonNullable<CalibrationStage['openOutput']>): Promise<void> {
  const { hidden, batches, context, stopwatch } = run
  await stopwatch.measure('forward', async () => {
    const pass = await open()
    try {
      for (let batch = 0; batch < batches; batch++) {
        context.signal?.throwIfAborted()
        await hidden.set(batch, await pass.run(await hidden.get(batch)))
      }
    } finally {
      await pass.close()
    }
  })
}

function progress({ deferred, onProgress }: PostprocessContext, stopwatch: Stopwatch): Run['report'] {
  const total = deferred.length
  const totalBytes = deferred.reduce((sum, { source }) => sum + source.byteLength, 0)
  let done = 0
  let doneBytes = 0
  return ({ module, source }, loss) => {
    done += 1
    doneBytes += source.byteLength
    const event = {
      stage: 'calibrate',
      tensor: `${module.weight.path}.weight`,
      ...{ done, total, doneBytes, totalBytes },
      seconds: stopwatch.take(),
    } as const
    onProgress?.(loss === undefined ? event : { ...event, loss })
  }
}

/** Nothing has to be computed behind the last block that holds a weight to quantize. */
const lastBlock = (blocks: readonly string[], deferred: readonly DeferredWeight[]): number =>
  blocks.findLastIndex((block) => deferred.some(({ module }) => isWithin(module.weight.path, block)))

const isWithin = (path: string, block: string): boolean => path === block || path.startsWith(`${block}.`)

const notOffered = (): CapabilityError =>
  new CapabilityError(
    'CALIBRATION_UNSUPPORTED',
    'this architecture cannot be run block by block, which calibration needs',
    {
      hint: "Use method: 'rtn' (recipes rtn-*), or a method that needs no calibration.",
    },
  )
