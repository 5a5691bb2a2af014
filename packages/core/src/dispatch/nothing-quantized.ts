import { CapabilityError, CheckpointError } from '../errors/families.js'
import { type Checkpoint, storedWeight } from '../load/checkpoint.js'
import { missingTensors } from '../load/missing-tensors.js'
import type { Shell } from '../shell/shell.js'
import type { SkippedModule } from './hf-quantizer.js'
import { type SkipList, skipReason } from './skip-list.js'

/** What was passed over when nothing was quantized, and the one of it to name. */
export interface PassedOver {
  readonly skipped: number
  readonly named: SkippedModule | undefined
}

/** The output projection says little: it is passed over by default. */
export const passedOver = ({ outputEmbedding }: Shell, skipped: readonly SkippedModule[]): PassedOver => ({
  skipped: skipped.length,
  named: skipped.find(({ module }) => module !== outputEmbedding) ?? skipped[0],
})

/** A float model that a method leaves as it is. */
export const nothingQuantized = (method: string, { skipped, named }: PassedOver): CapabilityError =>
  new CapabilityError(
    'NOTHING_QUANTIZED',
    named === undefined
      ? `${method} finds no module that it quantizes`
      : `${method} quantizes none of ${skipped} modules: ${named.module} ${named.reason}`,
    {
      module: named?.module,
      hint: 'Choose settings that fit the shapes of the model, such as a smaller group size, or a shorter skip list.',
    },
  )

/**
 * The configuration promises quantized tensors, and there is none: which of the two is wrong is not ours to guess.
 *
 * @throws CheckpointError CHECKPOINT_NOT_QUANTIZED or TENSOR_MISSING, unless the skip list names every module.
 */
export function refuseFloat(
  method: string,
  checkpoint: Checkpoint,
  skips: SkipList,
  skipped: readonly SkippedModule[],
): void {
  const promised = skipped.find(({ module }) => skipReason(skips, module) === undefined)
  if (promised === undefined) return
  if (storedWeight(checkpoint, promised.module) === undefined) {
    throw missingTensors([`${promised.module}.weight`], checkpoint)
  }
  throw new CheckpointError(
    'CHECKPOINT_NOT_QUANTIZED',
    `config.json of ${checkpoint.folder} says "${method}", but no tensor is quantized (${promised.module} is float)`,
    {
      file: checkpoint.folder,
      module: promised.module,
      hint: 'Remove quantization_config to load the float model, and pass quantizationConfig to quantize it.',
    },
  )
}
