import { type LoadedModel, stateDict } from '@hfquant/core/runtime'
import type { ModelName } from '../compile/name.js'
import type { OpenedModel } from '../open/open-model.js'
import type { FilledModel } from './fill-model.js'
import { quantizationOf, warn } from './quantization.js'
import type { Weights } from './weights.js'

/** Weights with bytes in every parameter. */
export function filledWeights(
  opened: OpenedModel,
  artifact: ModelName | undefined,
  { loaded, store }: FilledModel,
): Weights {
  return {
    ...{ opened, loaded, artifact },
    quantization: quantizationOf(opened, loaded),
    warnings: warn(opened.merged, loaded.warnings),
    parameterBytes: () => parameterBytes(loaded),
    fill: async () => loaded,
    release: () => store.release(),
  }
}

/**
 * Bytes of all parameters as they are stored: each tied one once.
 *
 * @param restores see stateDict.
 */
export const parameterBytes = ({ shell }: LoadedModel, restores = false): number =>
  stateDict(shell, restores).reduce((sum, { parameter }) => sum + parameter.byteLength, 0)
