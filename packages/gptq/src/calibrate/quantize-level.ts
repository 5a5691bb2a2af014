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
  warnOfFew(run, groups, tokens)
  for (const [index, { modules }] of groups.entries()) {
    const own = modules.map((path) => weights.get(path)!)
    const results = quantizeGroup(own, hessians[index]!, { settings, scratch, stopwatch, pool, signal })
    for await (const { weight, parts, figures, rounded: reason } of results) {
      const { path } = weight.module.info
      if (reason !== undefined) made.rounded.push({ path, reason })
      made.parts.set(path, parts)
      await adopt(run, weight, parts)
      run.report(weight, figures)
    }
  }
}

/** Says once for all experts of a layer that they saw few tokens, since they may be many. */
function warnOfFew({ context }: Run, groups: readonly LinearGroup[], tokens: readonly number[]): void {
  const most = Math.max(...tokens)
  const poor = groups.filter(({ width }, index) => tokens[index]! < POOR * width)
  const [routed, plain] = [true, false].map((isRouted) =>
    poor.filter((group) => tokens[groups.indexOf(group)]! < most === isRouted),
  ) as [LinearGroup[], LinearGroup[]]
  for (const { modules, width } of plain) {
    context.warn(
      `${modules.join(', ')}: ${most} calibration tokens are few for ${width} input features; use ${GOOD * width}`,
    )
  }
  const [first] = routed
  if (first === undefined) return
  context.warn(
    `${first.modules[0]} and ${routed.length - 1} others saw few of the ${most} calibration tokens, fewer than ${POOR} for each input feature`,
  )
}

/** The Hessian of each group, or why it has none, and how many tokens went into it. */
async function collectHessians(
  run: Run,
  stage: CalibrationStage,
  groups: readonly LinearGroup[],
  made: MadeBlock,
): Promise<{ readonly hessians: readonly (Hessian | string)[]; readonly tokens: readonly number[] }> {
  const { sums, tokens } = await sumMoments(run, stage, groups, made)
  const sequences = [...run.live].reduce((sum, batch) => sum + run.batches[batch]!.sequences, 0)
  const hessians = await run.stopwatch.measure('javascript', async () =>
    groups.map(({ width }, index) => {
      const seen = tokens[index]!
      if (seen < FEWEST_TOKENS * run.tokens) {
        return `it saw ${seen} of ${run.tokens} calibration tokens, expected at least ${100 * FEWEST_TOKENS} %`
      }
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
): Promise<{ readonly sums: readonly (readonly Float32Array[])[]; readonly tokens: readonly number[] }> {
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
    return { sums, tokens: pass.tokens }
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

/** Says which modules of a block were rounded, those of one owner together: an expert that no token met is one of many. */
export function warnOfRounded(run: Run, made: MadeBlock): void {
  const groups = new Map<string, string[]>()
  for (const { path, reason } of made.rounded) {
    const key = JSON.stringify([path.slice(0, path.lastIndexOf('.')), reason])
    groups.set(key, [...(groups.get(key) ?? []), path])
  }
  for (const [key, paths] of groups) {
    const [, reason] = JSON.parse(key) as [string, string]
    const verb = paths.length > 1 ? 'were' : 'was'
    warn(run, made, `${paths.join(', ')} ${verb} rounded to nearest instead of calibrated: ${reason}`)
  }
}

/** Warnings of a block are said again when a later run takes the block over. */
function warn({ context }: Run, made: MadeBlock, message: string): void {
  made.warnings.push(message)
  context.warn(message)
}
