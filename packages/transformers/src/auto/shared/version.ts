import {
  AutoQuantizer,
  CapabilityError,
  ConfigError,
  cacheFolder,
  createScratchStore,
  dequantizeModel,
  type QuantizationConfigInput,
  type Shell,
  type TensorStore,
} from '@hfquant/core/runtime'
import { confirmRecipe } from '../open/confirm-recipe.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'
import { readQuantize } from '../open/quantize-argument.js'
import { withQuantization } from '../open/with-quantization.js'
import { loadWeights } from '../weights/load-weights.js'
import { type ModelQuantization, warn } from '../weights/quantization.js'
import type { Weights } from '../weights/weights.js'

/** The weights of a model and how they are quantized. To quantize or dequantize it is to make another version. */
export interface Version {
  /** Another object exactly when the weights are others. */
  readonly opened: OpenedModel
  readonly weights: Weights
  readonly quantization: ModelQuantization | undefined
  readonly warnings: readonly string[]
  /** True after dequantizing: the weights are no longer those of the files. */
  readonly isRestored: boolean
  /** What this version and earlier ones, which may still be read, have to give back at the end. */
  readonly stores: readonly Pick<TensorStore, 'release'>[]
}

export const loadedVersion = (weights: Weights): Version => {
  const { opened, quantization, warnings } = weights
  return { opened, weights, quantization, warnings, isRestored: false, stores: [weights] }
}

/**
 * A float model, quantized from its files; one that is quantized in this way already, as it is.
 *
 * @throws as `CausalLM.quantize`.
 */
export async function quantizeVersion(
  version: Version,
  how: 'int8' | QuantizationConfigInput | (string & {}),
  options: LoadModelOptions,
): Promise<Version> {
  const supplied = await readQuantize(how)
  options.signal?.throwIfAborted()
  const { folder, quantizer } = version.opened
  if (quantizer?.savesFloats) throw blocksOfFile(folder)
  const merged = await AutoQuantizer.merge(version.quantization?.config, supplied, {
    modelFolder: folder,
  })
  if (merged?.preQuantized) {
    confirmRecipe(merged, folder)
    return { ...version, warnings: [...version.warnings, ...warn(merged, [])] }
  }
  if (version.isRestored) throw restoredWeights(folder)
  const weights = await loadWeights(withQuantization(version.opened, merged!), options)
  const quantized = loadedVersion(weights)
  return {
    ...quantized,
    warnings: [...version.warnings, ...quantized.warnings],
    stores: [...version.stores, ...quantized.stores],
  }
}

/**
 * The float model that a quantized one stands for; a float one, as it is.
 *
 * @param fill gives every parameter its bytes.
 */
export async function dequantizeVersion(
  version: Version,
  fill: () => Promise<Shell>,
  signal: AbortSignal,
): Promise<Version> {
  if (version.quantization === undefined) return version
  const shell = await fill()
  const store = createScratchStore(cacheFolder())
  try {
    await dequantizeModel(shell, store, signal)
  } catch (error) {
    store.release()
    throw error
  }
  const opened: OpenedModel = { ...version.opened, quantizer: undefined, merged: undefined }
  return { ...version, opened, quantization: undefined, isRestored: true, stores: [...version.stores, store] }
}

const blocksOfFile = (folder: string): ConfigError =>
  new ConfigError('MODEL_QUANTIZED', `${folder} was loaded in the blocks of its GGUF file`, {
    file: folder,
    hint: 'Load the file with the configuration: its weights are then quantized as they are read.',
  })

/** The weights of a dequantized model exist nowhere but in it: there is no file to stream them from. */
const restoredWeights = (folder: string): CapabilityError =>
  new CapabilityError('MODEL_DEQUANTIZED', `the weights of ${folder} were restored by dequantize()`, {
    file: folder,
    hint: 'Save the float model, and quantize that folder.',
  })
