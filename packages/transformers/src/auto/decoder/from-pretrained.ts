import { readUnreplaced } from '@hfquant/core/runtime'
import { loadPretrained } from '../load-pretrained.js'
import { settingsNotMet } from '../open/folder-files.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { ModelSource } from '../open/model-source.js'
import type { OpenedModel } from '../open/open-model.js'
import { CausalLM } from './causal-lm.js'

/** Loads decoder-only language models. */
export const AutoModelForCausalLM = {
  /**
   * Loads a model folder. A folder that says it is quantized is loaded as what it is; a float one is quantized while
   * it streams in if `quantizationConfig` is given.
   *
   * @throws ConfigError, CheckpointError, EnvironmentError, DeviceMapError, CapabilityError before weights are read;
   * CheckpointError TENSOR_NOT_FINITE, OutputError or the reason of `signal` while they stream. ConfigError MODEL_CLASS for
   * an encoder.
   */
  fromPretrained(source: ModelSource, options: LoadModelOptions = {}): Promise<CausalLM> {
    return loadPretrained(
      source,
      options,
      { kind: 'decoder' },
      (weights, unmet) => new CausalLM(weights, options, unmet),
      unmetSettings,
    )
  },
}

const unmetSettings = ({ folder, folderIdentity, configFile }: OpenedModel): Promise<readonly string[]> =>
  readUnreplaced(folder, folderIdentity, () => settingsNotMet(folder, configFile.value))
