import {
  type CalibrationBlock,
  type CalibrationContext,
  type CalibrationStage,
  CapabilityError,
  cacheFolder,
  type WaitingWeight,
} from '@hfquant/core/runtime'
import { planBatches } from './batches.js'
import { openBlockState, type SavedBlock } from './block-state.js'
import type { BlockMethod, CalibrationMethod, LevelMethod } from './calibration-method.js'
import { createHiddenStore } from './hidden-store.js'
import { makeBlock } from './make-block.js'
import { makeLevels } from './make-levels.js'
import { type MadeBlock, putInPlace, type Run, warnOfRounded } from './run.js'
import { createScratchArrays } from './scratch-arrays.js'
import { collectSequences } from './sequences.js'
import { createStopwatch } from './stopwatch.js'

/**
 * Quantizes all weights that wait, block after block: each sees the inputs that the quantized ones before it produce, or,
 * with a method of whole blocks, those that the float model has. One
 * block and the statistics of the modules at work are in memory, and hidden states up to a limit. Finished blocks are kept
 * aside, so that a run that was interrupted goes on where it was.
 *
 * @throws CapabilityError for an architecture that cannot be run block by block; ConfigError for the calibration data;
 * OutputError; the reason of the signal.
 */
export async function calibrateBlocks(method: CalibrationMethod, context: CalibrationContext): Promise<void> {
  const { model, waiting, signal } = context
  if (model === undefined) throw notOffered()
  const sequences = await collectSequences(method.data, model)
  const batches = planBatches(sequences)
  const tokens = sequences.reduce((sum, { length }) => sum + length, 0)
  const state = await openBlockState(cacheFolder(), method, context, sequences)
  const { maxHiddenBytes } = method.data
  const hidden = createHiddenStore({ folder: cacheFolder(), maxBytes: maxHiddenBytes, tokens })
  const run: Run = {
    ...{ method, context, model, batches, tokens, hidden },
    stopwatch: createStopwatch(),
    live: new Set(batches.keys()),
    scratch: createScratchArrays(),
    weights: new Map(waiting.map((weight) => [weight.info.path, weight])),
  }
  try {
    for (const [index, { ids, sequences: count }] of batches.entries()) {
      signal?.throwIfAborted()
      await hidden.set(index, await model.embed(ids, count))
    }
    await model.closeEmbedding()
    const last = lastBlock(model.blocks, waiting)
    for (const [index, block] of model.blocks.slice(0, last + 1).entries()) {
      const own = waiting.filter((weight) => isWithin(weight, block))
      const saved = await state.read(index, own)
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
  own: readonly WaitingWeight[],
  saved: SavedBlock | undefined,
  isRead: boolean,
): Promise<MadeBlock> {
  const { method } = run
  const made: MadeBlock = { parts: new Map(), floats: new Map(), warnings: [], rounded: [], dropped: [] }
  if (method.kind === 'blocks') await runFloatBlock(run, method, block, own, saved, isRead, made)
  else await runStages(run, method, block, own, saved, isRead, made)
  warnOfRounded(run, made)
  return made
}

/** Stage after stage: each is passed through once its weights are made. */
async function runStages(
  run: Run,
  method: LevelMethod,
  block: CalibrationBlock,
  own: readonly WaitingWeight[],
  saved: SavedBlock | undefined,
  isRead: boolean,
  made: MadeBlock,
): Promise<void> {
  if (saved !== undefined) await takeOver(run, own, saved)
  const stages = block.open({ cut: method.sequential })
  for (const [index, stage] of stages.entries()) {
    if (saved === undefined) await makeLevels(run, method, stage, made)
    if (stage.openOutput !== undefined && (isRead || index < stages.length - 1))
      await passThrough(run, stage.openOutput)
  }
}

/** As a whole: it is passed through before anything in it changes. */
async function runFloatBlock(
  run: Run,
  method: BlockMethod,
  { rescalings, open }: CalibrationBlock,
  weights: readonly WaitingWeight[],
  saved: SavedBlock | undefined,
  isRead: boolean,
  made: MadeBlock,
): Promise<void> {
  const stage = open({ cut: false })[0]!
  const { openOutput } = stage
  const pass = async () => {
    if (openOutput !== undefined && isRead) await passThrough(run, openOutput)
  }
  if (saved === undefined) {
    await makeBlock(run, method, { stage, weights, rescalings, passThrough: pass }, made)
    return
  }
  drop(run, saved)
  await pass()
  await takeOver(run, weights, saved)
}

async function takeOver(run: Run, own: readonly WaitingWeight[], saved: SavedBlock): Promise<void> {
  for (const [name, values] of saved.floats) await run.context.floats.write(name, values)
  for (const weight of own) {
    await putInPlace(run, { weight, parts: saved.parts.get(weight.info.path)!, figures: undefined })
  }
  for (const warning of saved.warnings) run.context.warn(warning)
  drop(run, saved)
}

function drop({ live }: Run, { dropped }: SavedBlock): void {
  for (const batch of dropped) live.delete(batch)
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

/** Nothing has to be computed behind the last block that holds a weight to quantize. */
const lastBlock = (blocks: readonly CalibrationBlock[], waiting: readonly WaitingWeight[]): number =>
  blocks.findLastIndex((block) => waiting.some((weight) => isWithin(weight, block)))

const isWithin = ({ info }: WaitingWeight, { paths }: CalibrationBlock): boolean =>
  paths.some((path) => info.path === path || info.path.startsWith(`${path}.`))

const notOffered = (): CapabilityError =>
  new CapabilityError(
    'CALIBRATION_UNSUPPORTED',
    'this architecture cannot be run block by block, which calibration needs',
    {
      hint: 'Use a method that rounds to the nearest: recipes rtn-*, or any that needs no calibration data.',
    },
  )
