import type { CalibrationStage, GroupStatistics, LinearGroup, StatisticsRequest } from '@hfquant/core'
import type { LevelTools, SeenGroup } from './calibration-method.js'
import { type MadeBlock, type Run, warn } from './run.js'

/** Most bytes of statistics at once: those of all experts of a layer together may be larger than the model. */
const MAX_STATISTICS_BYTES = 2 ** 29

/** Groups whose statistics fit in memory together. */
export function inPasses(
  run: Run,
  groups: readonly LinearGroup[],
  statistics: StatisticsRequest,
): readonly (readonly LinearGroup[])[] {
  const passes: LinearGroup[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const group of groups) {
    const own = bytesOf(run, group, statistics)
    if (bytes + own > MAX_STATISTICS_BYTES) {
      passes.push([])
      bytes = 0
    }
    passes.at(-1)!.push(group)
    bytes += own
  }
  return passes
}

function bytesOf(
  { tokens }: Run,
  { width }: LinearGroup,
  { momentPanelRows, magnitudes = false, sampleEvery }: StatisticsRequest,
): number {
  return (
    (momentPanelRows === undefined ? 0 : 4 * width ** 2) +
    (magnitudes ? 8 * width : 0) +
    (sampleEvery === undefined ? 0 : 4 * width * Math.ceil(tokens / sampleEvery))
  )
}

/** Adds up over the inputs of some groups, as the model computes them now. */
export async function collect(
  run: Run,
  stage: CalibrationStage,
  groups: readonly LinearGroup[],
  statistics: StatisticsRequest,
  made: MadeBlock,
): Promise<readonly SeenGroup[]> {
  const pass = await stage.openStatistics(groups, statistics)
  try {
    for (const batch of [...run.live]) {
      run.context.signal?.throwIfAborted()
      const broken = await pass.add(await run.hidden.get(batch))
      if (broken.length > 0) drop(run, batch, broken, made)
    }
    const found = await pass.finish()
    run.stopwatch.add('forward', pass.seconds.forward)
    run.stopwatch.add('statistics', pass.seconds.statistics)
    return groups.map((group, index) => seenGroup(run, group, found[index]!))
  } catch (error) {
    await pass.close()
    throw error
  }
}

function seenGroup(
  { weights }: Run,
  { modules, width }: LinearGroup,
  { moments, ...statistics }: GroupStatistics,
): SeenGroup {
  return {
    ...{ ...statistics, width, weights: modules.map((path) => weights.get(path)!) },
    ...(moments === undefined ? {} : { moments: [...moments] }),
  }
}

/** One value that is not finite would spoil the statistics of all modules behind it. */
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

/** What a method works with while it makes weights. */
export function toolsOf({ context, scratch, stopwatch, tokens, live, batches }: Run): LevelTools {
  return {
    ...{ tokens, scratch, stopwatch, pool: context.pool, signal: context.signal },
    sequences: [...live].reduce((sum, batch) => sum + batches[batch]!.sequences, 0),
    warn: (message) => context.warn(message),
  }
}
