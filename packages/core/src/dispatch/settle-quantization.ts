import type { Dtype } from '../contract/tensor.js'
import { CheckpointError } from '../errors/families.js'
import type { Checkpoint } from '../load/checkpoint.js'
import { isFloatDtype } from '../shell/dtype.js'
import { AutoQuantizer, type MergedQuantization, type QuantizationConfigInput } from './auto-quantizer.js'
import { recognizes, recoverConfig } from './registry.js'

/**
 * Settles what config.json promises with what the headers of the weights show. The config wins, because it says more
 * than tensors do; but it cannot make one method's tensors those of another, and where it promises quantized tensors and
 * there is none, the caller's wish to quantize counts. Without a promise the tensors decide.
 *
 * @param promised what config.json and the caller say.
 * @throws CheckpointError CONFIG_CONTRADICTS_TENSORS for tensors of another method; CapabilityError or CheckpointError
 * for quantized tensors whose config only config.json could tell.
 */
export async function settleQuantization(
  promised: MergedQuantization | undefined,
  checkpoint: Checkpoint,
  supplied: QuantizationConfigInput | null | undefined,
): Promise<MergedQuantization | undefined> {
  if (!promised?.preQuantized) {
    const detected = await AutoQuantizer.detect(checkpoint)
    if (detected === undefined) return promised
    const merged = await AutoQuantizer.merge(detected, supplied, { modelFolder: checkpoint.folder })
    return merged && { ...merged, foundIn: 'tensors' }
  }
  if (supplied != null && isFloat(checkpoint)) {
    return AutoQuantizer.merge(undefined, supplied, { modelFolder: checkpoint.folder })
  }
  await refuseOtherMethod(promised, checkpoint)
  return promised
}

/** Dtypes of a float checkpoint: weights, and the buffers that older releases stored with them. */
const FLOAT_CHECKPOINT: readonly Dtype[] = ['float64', 'int64', 'bool']

const isFloat = ({ tensors }: Checkpoint): boolean =>
  [...tensors.values()].every(({ dtype }) => isFloatDtype(dtype) || FLOAT_CHECKPOINT.includes(dtype))

async function refuseOtherMethod({ method }: MergedQuantization, checkpoint: Checkpoint): Promise<void> {
  if (recognizes(method, checkpoint) !== false) return
  const found = await recoverConfig(checkpoint)
  if (found === undefined || found.quantMethod === method) return
  throw new CheckpointError(
    'CONFIG_CONTRADICTS_TENSORS',
    `config.json of ${checkpoint.folder} says quant_method "${method}"; its tensors are quantized with "${found.quantMethod}" (${found.label ?? 'no further name'})`,
    {
      file: checkpoint.folder,
      field: 'quant_method',
      found: found.quantMethod,
      expected: method,
      hint: 'Take config.json and the weights from the same revision.',
    },
  )
}
