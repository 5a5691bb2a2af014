import {
  type CalibrationBlock,
  type CalibrationStage,
  CapabilityError,
  cacheFolder,
  type DeferredWeight,
  type LinearGroup,
  type PostprocessContext,
} from '@hfquant/core'
import type { GptqSettings } from '../config/settings.js'
import { adopt } from './adopt.js'
import { planBatches } from './batches.js'
import { openBlockState, type SavedBlock } from './block-state.js'
import { createHiddenStore } from './hidden-store.js'
import { quantizeLevel, warnOfRounded } from './quantize-level.js'
import type { MadeBlock, Run } from './run.js'
import { createScratchArrays } from './scratch-arrays.js'
import { collectSequences } from './sequences.js'
import { createStopwatch, type Stopwatch } from './stopwatch.js'

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
  const tokens = sequences.reduce((sum, { length }) => sum + length, 0)
  const state = await openBlockState(cacheFolder(), settings, checkpoint, sequences, context.warn)
  const hidden = createHiddenStore({ folder: cacheFolder(), maxBytes: settings.maxHiddenBytes, tokens })
  const stopwatch = createStopwatch()
  const run: Run = {
    ...{ settings, context, calibration, batches, tokens, hidden, stopwatch },
    live: new Set(batches.keys()),
    scratch: createScratchArrays(),
    weights: new Map(deferred.map((weight) => [weight.module.info.path, weight])),
    report: progress(context, stopwatch),
  }
  try {
    for (const [index, { ids, sequences: count }] of batches.entries()) {
      signal?.throwIfAborted()
      await hidden.set(index, await calibration.embed(ids, count))
    }
    await calibration.closeEmbedding()
    const last = lastBlock(calibration.blocks, deferred)
    for (const [index, block] of calibration.blocks.slice(0, last + 1).entries()) {
      const own = deferred.filter((weight) => isWithin(weight, block))
      const saved = await state.read(
        index,
        own.map(({ module }) => module),
      )
      const made = await runBlock(run, block, own, saved, index < last)
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
  block: CalibrationBlock,
  own: readonly DeferredWeight[],
  saved: SavedBlock | undefined,
  isRead: boolean,
): Promise<MadeBlock> {
  const { settings } = run
  const made: MadeBlock = { parts: new Map(), warnings: [], rounded: [], dropped: [] }
  if (saved !== undefined) await takeOver(run, own, saved)
  const stages = block.open({ cut: settings.trueSequential })
  for (const [index, stage] of stages.entries()) {
    if (saved === undefined) {
      const levels = settings.trueSequential ? stage.levels : [stage.levels.flat()]
      for (const groups of levels.flatMap(inPasses)) await quantizeLevel(run, stage, groups, made)
    }
    if (stage.openOutput !== undefined && (isRead || index < stages.length - 1))
      await passThrough(run, stage.openOutput)
  }
  warnOfRounded(run, made)
  return made
}

/** Most bytes of Hessians at once: those of all experts of a layer together may be larger than the model. */
const MAX_HESSIAN_BYTES = 2 ** 29

function inPasses(groups: readonly LinearGroup[]): readonly (readonly LinearGroup[])[] {
  const passes: LinearGroup[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const group of groups) {
    const own = 4 * group.width ** 2
    if (bytes + own > MAX_HESSIAN_BYTES) {
      passes.push([])
      bytes = 0
    }
    passes.at(-1)!.push(group)
    bytes += own
  }
  return passes
}

async function takeOver(run: Run, own: readonly DeferredWeight[], saved: SavedBlock): Promise<void> {
  for (const weight of own) {
    await adopt(run, weight, saved.parts.get(weight.module.info.path)!)
    run.report(weight, undefined)
  }
  for (const warning of saved.warnings) run.context.warn(warning)
  for (const batch of saved.dropped) run.live.delete(batch)
}

async function passThrough(run: Run, open: NonNullable<CalibrationStage['openOutput']>): Promise<void> {
  const { hidden, live, context, stopwatch } = run
  await stopwatch.measure('forward', async () => {
    const pass = await open()
    try {
      for (const batch of live) {
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
  return ({ module, source }, figures) => {
    done += 1
    doneBytes += source.byteLength
    onProgress?.({
      stage: 'calibrate',
      tensor: module.tensor,
      ...{ done, total, doneBytes, totalBytes },
      seconds: stopwatch.take(),
      ...figures,
    })
  }
}

/** Nothing has to be computed behind the last block that holds a weight to quantize. */
const lastBlock = (blocks: readonly CalibrationBlock[], deferred: readonly DeferredWeight[]): number =>
  blocks.findLastIndex((block) => deferred.some((weight) => isWithin(weight, block)))

const isWithin = ({ module }: DeferredWeight, { paths }: CalibrationBlock): boolean =>
  paths.some((path) => module.info.path === path || module.info.path.startsWith(`${path}.`))

const notOffered = (): CapabilityError =>
  new CapabilityError(
    'CALIBRATION_UNSUPPORTED',
    'this architecture cannot be run block by block, which calibration needs',
    {
      hint: "Use method: 'rtn' (recipes rtn-*), or a method that needs no calibration.",
    },
  )
