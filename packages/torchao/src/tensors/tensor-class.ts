import type { Fields } from '../encoding/values.js'
import type { StoredParts } from './stored-parts.js'
import type { TorchAoFormat } from './torchao-format.js'

/** How a tensor class is read from a file. */
export interface TensorClass {
  readonly className: string
  readonly attributes: readonly string[]
  readonly requiredData: readonly string[]
  readonly optionalData: readonly string[]
  /** @throws CheckpointError for attributes that the class does not allow. */
  check(fields: Fields, tensor: string): void
  /**
   * The format of a stored weight whose attributes have been checked.
   *
   * @throws CheckpointError that names part and file, for parts that do not fit attributes and weight.
   */
  format(parts: StoredParts): Promise<TorchAoFormat>
}
