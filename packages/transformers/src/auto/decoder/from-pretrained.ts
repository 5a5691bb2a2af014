import { readUnreplaced } from '@hfquant/core'
import { settingsNotMet } from '../open/folder-files.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { ModelSource } from '../open/model-source.js'
import { openModel } from '../open/open-model.js'
import { loadOpened } from '../weights/load-opened.js'
import { CausalLM } from './causal-lm.js'

/** Loads decoder-only language models. */
export const AutoModelForCausalLM = {
  /**
   * Loads a model folder. A folder that says it is quantized is loaded as what it is; a float one is quantized while
   * it streams in if `quantizationConfig` is given.
   *
   * @throws ConfigError, CheckpointError, EnvironmentError, DeviceMapError, CapabilityError before weights are read;
   * CheckpointError TENSOR_NOT_FINITE, OutputError or the reason of `signal` while they stream.
   */
  async fromPretrained(source: ModelSource, options: LoadModelOptions = {}): Promise<CausalLM> {
    const opened = await openModel(source, options, { kind: 'decoder' })
    try {
      // First: a failure after the weights would have to give them back.
      const { folder, folderIdentity, configFile } = opened
      const unmet = await readUnreplaced(folder, folderIdentity, () =>
        settingsNotMet(folder, configFile.value),
      )
      return new CausalLM(await loadOpened(opened, options), options, unmet)
    } catch (error) {
      await opened.checkpoint.close()
      throw error
    }
  },
}
