import type { CalibrationStage, LinearGroup } from '@hfquant/core'
import { adopt } from './adopt.js'
import { type Hessian, hessianOf, joinPanels, PANEL_ROWS, triangleRoom } from './hessian.js'
import { quantizeGroup } from './quantize-group.js'
import type { MadeBlock, Run } from './run.js'

/** A module that saw a smaller share of the calibration tokens is not calibrated, as in GPTQModel. */
const FEWEST_TOKENS = 0.005
/** Tokens per input feature below which the Hessian is hardly definite, and from which on it is good. */
const POOR = 2
const GOOD = 8

/** Quantizes modules that need no results of each other, with the inputs that the model gives them now. */
export async function quantizeLevel(
  run: Run,
  stage: CalibrationStage,
  groups: readonly LinearGroup[],
  made: MadeBlock,
): Promise<void> {
  const { settings, context, scratch, stopwatch, weights } = run
  const { pool, signal } = context
  const { hessians, tokens } = await collectHessians(run, stage, groups, made)
  for (const [index, { modules, width }] of groups.entries()) {
    if (tokens < POOR * width) {
      context.warn(
        `${modules.join(', ')}: ${tokens} calibration tokens are few for ${width} input features; use ${GOOD * width}`,
      )
    }
    const own = modules.map((path) => weights.get(path)!)
    const results = quantizeGroup(own, hessians[index]!, { settings, scratch, stopwatch, pool, signal })
    for await (const { weight, parts, figures, warning } of results) {
      if (warning !== undefined) warn(run, made, warning)
      made.parts.set(weight.module.info.path, parts)
      await adopt(run, weight, parts)
      run.report(weight, figures)
    }
  }
}

/** The Hessian of each group, or why it has none, and how many tokens went into it. */
async function collectHessians(
  run: Run,
  stage: CalibrationStage,
  groups: readonly LinearGroup[],
  made: MadeBlock,
): Promise<{ readonly hessians: readonly (Hessian | string)[]; readonly tokens: number }> {
  const sums = await sumMoments(run, stage, groups, made)
  const live = [...run.live].map((batch) => run.batches[batch]!)
  const tokens = live.reduce((sum, { ids }) => sum + ids.length, 0)
  const sequences = live.reduce((sum, batch) => sum + batch.sequences, 0)
  if (tokens < FEWEST_TOKENS * run.tokens) {
    const reason = `it saw ${tokens} of ${run.tokens} calibration tokens, expected at least ${100 * FEWEST_TOKENS} %`
    return { hessians: groups.map(() => reason), tokens }
  }
  const hessians = await run.stopwatch.measure('javascript', async () =>
    groups.map(({ width }, index) => {
      const values = triangleRoom(run.scratch, `hessian.${index}`, width)
      joinPanels(sums[index]!, width, values)
      return hessianOf(values, width, sequences) ?? 'the calibration data gave it no inputs'
    }),
  )
  return { hessians, tokens }
}

async function sumMoments(
  run: Run,
  stage: CalibrationStage,
  groups: readonly LinearGroup[],
  made: MadeBlock,
): Promise<readonly (readonly Float32Array[])[]> {
  const pass = await stage.openMoments(groups, PANEL_ROWS)
  try {
    for (const batch of [...run.live]) {
      run.context.signal?.throwIfAborted()
      const broken = await pass.add(await run.hidden.get(batch))
      if (broken.length > 0) drop(run, batch, broken, made)
    }
    const sums = await pass.finish()
    run.stopwatch.add('forward', pass.seconds.forward)
    run.stopwatch.add('hessian', pass.seconds.moments)
    return sums
  } catch (error) {
    await pass.close()
    throw error
  }
}

/** One value that is not finite would spoil the Hessians of all modules behind it. */
function drop(run: Run, batch: number, broken: readonly LinearGroup[], made: MadeBlock): void {
  run.live.delete(batch)
  made.dropped.push(batch)
  const first = run.batches.slice(0, batch).reduce((sum, { sequences }) => sum + sequences, 0)
  const last = first + run.batches[batch]!.sequences - 1
  const which =
    first === last ? `calibration sequence ${first} is` : `calibration sequences ${first} to ${last} are`
  const modules = broken.flatMap((group) => group.modules).join(', ')
  warn(
    run,
    made,
    `${which} left out from here on: the inputs of ${modules} are not finite, or their squares are not`,
  )
}

/** Warnings of a block are said again when a later run takes the block over. */
function warn({ context }: Run, made: MadeBlock, message: string): void {
  made.warnings.push(message)
  context.warn(message)
}
