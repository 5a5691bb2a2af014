import { ConfigError } from '@hfquant/core'
import { checkLoadOptions, type LoadModelOptions } from './load-options.js'
import { refuseCompiled } from './refuse-compiled.js'

/** Where a model comes from: the path of its folder, or a name with what finds the folder, perhaps by a download. */
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
 * @returns the folder of the model.
 * @throws CapabilityError MODEL_COMPILED_ONLY; ConfigError; the reason of `signal`; what `locate` throws.
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
  return typeof source === 'string' ? source : source.locate()
}
