import type { CalibrationStage, WaitingWeight } from '@hfquant/core'
import type { BlockMethod, SeenBlock } from './calibration-method.js'
import { collect, inPasses, toolsOf } from './collect-statistics.js'
import { keep, type MadeBlock, type Run } from './run.js'

/** A block that is about to be made. */
export interface OpenBlock extends Pick<SeenBlock, 'rescalings'> {
  readonly stage: CalibrationStage
  readonly weights: readonly WaitingWeight[]
  /** Passes the hidden states through; called once, while all of the block is float. */
  passThrough(): Promise<void>
}

/** Lets a method observe a block, and make its weights: what it changes is changed when nothing reads the float block any more. */
export async function makeBlock(
  run: Run,
  method: BlockMethod,
  { stage, weights, rescalings, passThrough }: OpenBlock,
  made: MadeBlock,
): Promise<void> {
  const { floats } = run.context
  let passing: Promise<void> | undefined
  const passed = () => {
    passing ??= passThrough()
    return passing
  }
  const groups = stage.levels.flat()
  const seen: SeenBlock = {
    weights,
    rescalings,
    floats: {
      ...floats,
      async write(name, values) {
        await passed()
        await floats.write(name, values)
        made.floats.set(name, values)
      },
    },
    async *observe(statistics) {
      for (const some of inPasses(run, groups, statistics)) {
        yield await collect(run, stage, some, statistics, made)
      }
    },
  }
  for await (const weight of method.block(seen, toolsOf(run))) {
    await passed()
    await keep(run, weight, made)
  }
  await passed()
}
