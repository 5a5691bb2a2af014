import { ConfigError } from '@hfquant/core'
import { modelFolder } from '../gguf/unfold-gguf.js'
import { checkLoadOptions, type LoadModelOptions } from './load-options.js'
import { refuseCompiled } from './refuse-compiled.js'

/** Where a model comes from: the path of its folder or of a GGUF file, or a name with what finds the folder, perhaps by a download. */
export type ModelSource =
  | string
  | {
      readonly name: string
      /** Called once the options are known to be right. */
      locate(): Promise<string>
      /** The folder of the tokenizer of another model, which this one refers to by name. */
      locateTokenizer?(name: string): Promise<string>
    }

/**
 * The door: whatever the caller gave is checked here, and nowhere again. A folder that holds nothing to load is refused
 * first, whatever the options are; options are refused before anything is looked for or downloaded.
 *
 * @returns the folder of the model; of a GGUF file, the one that stands for it.
 * @throws CapabilityError MODEL_COMPILED_ONLY; ConfigError; the reason of `signal`; what `locate` and `modelFolder` throw.
 */
export async function enterFolder(source: ModelSource, options: LoadModelOptions): Promise<string> {
  const name = typeof source === 'object' && source !== null ? source.name : source
  if (typeof name === 'string') await refuseCompiled(name)
  checkLoadOptions(options)
  if (typeof name !== 'string') {
    throw new ConfigError('MODEL_TYPE', `the model is ${typeof name}, expected a folder or a name`, {
      field: 'model',
    })
  }
  options.signal?.throwIfAborted()
  return modelFolder(typeof source === 'string' ? source : await source.locate())
}
