import type { FloatDtype } from '@hfquant/core'
import type { Fields } from '../encoding/values.js'
import type { TorchAoFormat } from './torchao-format.js'

/** What the tensors of a stored weight add to its document. */
export interface StoredCodes {
  readonly inFeatures: number
  readonly groupSize: number
  readonly scaleDtype: FloatDtype
  readonly zeroPoint: 'absent' | 'zeros' | 'values'
}

/** How a tensor class is read from a file. */
export interface TensorClass {
  readonly className: string
  readonly attributes: readonly string[]
  readonly requiredData: readonly string[]
  readonly optionalData: readonly string[]
  /** Bits of a code. @throws CheckpointError for attributes that the class does not allow. */
  bits(fields: Fields, tensor: string): number
  /** What is not supported yet about a tensor, as the config class it comes from; undefined if nothing. */
  unsupported(fields: Fields): string | undefined
  /** What tells two tensors of the class apart. */
  describe(fields: Fields, groupSize: number): string
  format(fields: Fields, stored: StoredCodes): TorchAoFormat
}
