import type { PickleValue } from '../pickle/values.js'
import type { StorageRef } from '../tensors/rebuilt.js'

/** What both container formats give: the value of the main pickle, and where each of its storages lies. */
export interface Container {
  readonly top: PickleValue
  /** Position in the file of the first byte. */
  locate(storage: StorageRef): number
}
