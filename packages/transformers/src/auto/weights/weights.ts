import type { LoadedModel } from '@hfquant/core/runtime'
import type { ModelName } from '../compile/name.js'
import type { OpenedModel } from '../open/open-model.js'
import type { ModelQuantization } from './quantization.js'

/**
 * The weights of a model as its files and its configuration define them: filled when the model is loaded, or, of one
 * that is compiled already, when something needs the tensors themselves.
 */
export interface Weights {
  readonly opened: OpenedModel
  /** Parameters of its shell have no bytes until `fill` has resolved, which may put another shell in its place. */
  readonly loaded: LoadedModel
  readonly quantization: ModelQuantization | undefined
  readonly warnings: readonly string[]
  /** The name of the compiled model in the cache; undefined for one that is not kept. */
  readonly artifact: ModelName | undefined
  /** Bytes of all parameters as they are stored: each tied one once. */
  parameterBytes(): number
  /** The model with bytes in every parameter; does the work once. */
  fill(signal: AbortSignal): Promise<LoadedModel>
  release(): void
}
