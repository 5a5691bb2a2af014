import { CapabilityError } from '@hfquant/core'
import { DECODER, type Graph } from '@hfquant/onnx'
import type { TracedBlock } from './trace-blocks.js'

const WITHOUT_CALIBRATION = 'Choose a method that needs no calibration, such as rtn-int4 or nf4.'

/**
 * Calibration keeps nothing between two blocks but hidden states. A block that depends on tokens in another way, by inputs
 * of its own or by the keys and values of an earlier one, would need what is gone by then.
 *
 * @throws CapabilityError CALIBRATION_SIDE_INPUTS naming the first such block.
 */
export function refuseSideInputs(graph: Graph, blocks: readonly TracedBlock[], architecture: string): void {
  for (const { paths, cuts } of blocks) {
    for (const [index, to] of cuts.slice(1).entries()) {
      const inside = graph.ancestors(to, new Set([cuts[index]!.id]))
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
