import type { CalibrationStage, LinearGroup } from '@hfquant/core'
import type { LevelMethod } from './calibration-method.js'
import { collect, inPasses, toolsOf } from './collect-statistics.js'
import { keep, type MadeBlock, type Run } from './run.js'

/** Quantizes the modules of a stage, level after level. */
export async function makeLevels(
  run: Run,
  method: LevelMethod,
  stage: CalibrationStage,
  made: MadeBlock,
): Promise<void> {
  const levels = method.sequential ? stage.levels : [stage.levels.flat()]
  for (const groups of levels.flatMap((level) => inPasses(run, level, method.statistics))) {
    await makeLevel(run, method, stage, groups, made)
  }
}

/** Quantizes modules that need no results of each other, with the inputs that the model gives them now. */
async function makeLevel(
  run: Run,
  method: LevelMethod,
  stage: CalibrationStage,
  groups: readonly LinearGroup[],
  made: MadeBlock,
): Promise<void> {
  const seen = await collect(run, stage, groups, method.statistics, made)
  for await (const weight of method.level(seen, toolsOf(run))) await keep(run, weight, made)
}
