import { CheckpointError, ConfigError, type FloatDtype, type WeightInfo } from '@hfquant/core'
import type { TorchAoBaseConfig } from './configs/base-config.js'
import type { TorchAoFormat } from './tensors/torchao-format.js'

/** A float weight in memory: y = x·Wᵀ. */
export interface FloatWeight {
  /** [outFeatures, inFeatures], row-major; numbers of `dtype`. */
  readonly values: Float32Array
  readonly outFeatures: number
  readonly inFeatures: number
  /** Default float32. */
  readonly dtype?: FloatDtype
  /** For messages, "model.layers.0.mlp.up_proj". */
  readonly path?: string
}

/**
 * The format that a config gives a weight.
 *
 * @throws ConfigError WEIGHT_NOT_QUANTIZABLE when the config leaves it alone, such as for a row that does not divide into
 * groups; CheckpointError TENSOR_NOT_FINITE; CapabilityError for a config that nothing is quantized with.
 */
export function chooseFormat(
  weight: FloatWeight,
  config: TorchAoBaseConfig,
): { readonly info: WeightInfo; readonly format: TorchAoFormat } {
  const { values, outFeatures, inFeatures, dtype = 'float32', path = 'weight' } = weight
  if (values.length !== outFeatures * inFeatures) {
    throw new ConfigError(
      'SHAPE_MISMATCH',
      `${path} has ${values.length} values for [${outFeatures}, ${inFeatures}]`,
      {
        field: 'values',
        found: values.length,
        expected: outFeatures * inFeatures,
      },
    )
  }
  const info: WeightInfo = { path, kind: 'linear', outFeatures, inFeatures, dtype }
  const format = config.formatFor(info)
  if ('skip' in format) {
    throw new ConfigError(
      'WEIGHT_NOT_QUANTIZABLE',
      `${path} cannot be quantized with ${config.describe()}: ${format.skip}`,
      {
        module: path,
        found: inFeatures,
        hint: 'Choose a group size that divides the rows, or leave the layer in float.',
      },
    )
  }
  const at = values.findIndex((value) => !Number.isFinite(value))
  if (at < 0) return { info, format }
  throw new CheckpointError('TENSOR_NOT_FINITE', `${path} holds ${values[at]} at element ${at}`, {
    tensor: path,
    found: values[at],
    hint: 'No integer format can hold it.',
  })
}
