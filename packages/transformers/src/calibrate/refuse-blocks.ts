import { CapabilityError } from '@hfquant/core'
import { DECODER, type Graph } from '@hfquant/onnx'
import type { SideValues } from './side-values.js'
import type { TracedBlock } from './trace-blocks.js'

const WITHOUT_CALIBRATION = 'Choose a method that needs no calibration, such as rtn-int4 or nf4.'

/**
 * Calibration keeps nothing between two blocks but hidden states, and the values that a model tells of. A block that depends
 * on tokens in another way would need what is gone by then.
 *
 * @throws CapabilityError CALIBRATION_SIDE_INPUTS naming the first such block.
 */
export function refuseSideInputs(
  graph: Graph,
  blocks: readonly TracedBlock[],
  sides: SideValues,
  architecture: string,
): void {
  for (const { paths, cuts } of blocks) {
    for (const [index, to] of cuts.slice(1).entries()) {
      const from = cuts[index]!
      const border = new Set([from, ...sides.before(from)].map(({ id }) => id))
      const inside = graph.ancestors(to, border)
      if (!inside.has(DECODER.inputIds)) continue
      throw new CapabilityError(
        'CALIBRATION_SIDE_INPUTS',
        `${architecture} cannot be calibrated block by block: ${paths[0]} reads more than the hidden states before it`,
        {
          module: paths[0]!,
          found: architecture,
          hint: WITHOUT_CALIBRATION,
        },
      )
    }
  }
}
