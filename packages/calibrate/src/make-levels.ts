import type { CalibrationStage, GroupStatistics, LinearGroup } from '@hfquant/core'
import type { LevelTools, SeenGroup } from './calibration-method.js'
import { type MadeBlock, putInPlace, type Run } from './run.js'

/** Quantizes the modules of a stage, level after level. */
export async function makeLevels(run: Run, stage: CalibrationStage, made: MadeBlock): Promise<void> {
  const levels = run.method.sequential ? stage.levels : [stage.levels.flat()]
  for (const groups of levels.flatMap((level) => inPasses(run, level))) {
    await makeLevel(run, stage, groups, made)
  }
}

/** Most bytes of statistics at once: those of all experts of a layer together may be larger than the model. */
const MAX_STATISTICS_BYTES = 2 ** 29

function inPasses(run: Run, groups: readonly LinearGroup[]): readonly (readonly LinearGroup[])[] {
  const passes: LinearGroup[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const group of groups) {
    const own = bytesOf(run, group)
    if (bytes + own > MAX_STATISTICS_BYTES) {
      passes.push([])
      bytes = 0
    }
    passes.at(-1)!.push(group)
    bytes += own
  }
  return passes
}

function bytesOf({ method, tokens }: Run, { width }: LinearGroup): number {
  const { momentPanelRows, magnitudes = false, sampleEvery } = method.statistics
  return (
    (momentPanelRows === undefined ? 0 : 4 * width ** 2) +
    (magnitudes ? 8 * width : 0) +
    (sampleEvery === undefined ? 0 : 4 * width * Math.ceil(tokens / sampleEvery))
  )
}

/** Quantizes modules that need no results of each other, with the inputs that the model gives them now. */
async function makeLevel(
  run: Run,
  stage: CalibrationStage,
  groups: readonly LinearGroup[],
  made: MadeBlock,
): Promise<void> {
  const { method, context, scratch, stopwatch, tokens, live, batches } = run
  const seen = await collect(run, stage, groups, made)
  const tools: LevelTools = {
    ...{ tokens, scratch, stopwatch, pool: context.pool, signal: context.signal },
    sequences: [...live].reduce((sum, batch) => sum + batches[batch]!.sequences, 0),
    warn: (message) => context.warn(message),
  }
  for await (const { rounded: reason, ...own } of method.level(seen, tools)) {
    const { path } = own.weight.info
    if (reason !== undefined) made.rounded.push({ path, reason })
    made.parts.set(path, own.parts)
    await putInPlace(run, own)
  }
}

async function collect(
  run: Run,
  stage: CalibrationStage,
  groups: readonly LinearGroup[],
  made: MadeBlock,
): Promise<readonly SeenGroup[]> {
  const pass = await stage.openStatistics(groups, run.method.statistics)
  try {
    for (const batch of [...run.live]) {
      run.context.signal?.throwIfAborted()
      const broken = await pass.add(await run.hidden.get(batch))
      if (broken.length > 0) drop(run, batch, broken, made)
    }
    const statistics = await pass.finish()
    run.stopwatch.add('forward', pass.seconds.forward)
    run.stopwatch.add('statistics', pass.seconds.statistics)
    return groups.map((group, index) => seenGroup(run, group, statistics[index]!))
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
