import { checkOptions } from '@hfquant/core'
import * as gliner from '@hfquant/gliner'
import * as transformers from '@hfquant/transformers'
import { parseModelId } from './hub/model-id.js'
import { type ResolveModelOptions, resolveModel } from './hub/resolve-model.js'

/** Which revision of a model of the hub; a branch, a tag or a commit. Not for local folders. */
export interface HubOptions {
  readonly revision?: string | undefined
}

/** What finds a model and loads it as one class. */
export interface AutoClass<Model, Options = transformers.LoadModelOptions> {
  /**
   * @param model a model folder, or "organisation/name": then the files are downloaded into the Hugging Face cache.
   * @throws as the loader does; HubError when a model cannot be had.
   */
  fromPretrained(model: string, options?: Options & HubOptions): Promise<Model>
}

interface Loader<Model, Options> {
  fromPretrained(source: transformers.ModelSource, options: Options): Promise<Model>
}

/** How a model is found. */
interface FindOptions extends HubOptions {
  readonly weights?: string | undefined
  readonly localFilesOnly?: boolean | undefined
}

type DownloadOptions = Pick<transformers.LoadModelOptions, 'signal' | 'onProgress'>

/** A folder, or a name of the hub, as a loader takes it: nothing is looked for before the options are known to be right. */
export const hubSource = (
  name: string,
  options: DownloadOptions,
  find: () => FindOptions,
): Exclude<transformers.ModelSource, string> => ({
  name,
  locate: async () => resolveModel(name, downloadOptions(options, find())),
  locateTokenizer: tokenizerFinder(options, find),
})

/** @param weightsOf the weight file that options ask for; default: the usual ones. */
const fromHub = <Model, Options extends transformers.LoadModelOptions>(
  loader: Loader<Model, Options>,
  weightsOf: (options: Options) => string | undefined = () => undefined,
): AutoClass<Model, Options> => ({
  async fromPretrained(model, all = {} as Options & HubOptions) {
    checkOptions(all)
    const { revision, ...given } = all
    const options = given as unknown as Options
    const find = () => ({ revision, weights: weightsOf(options) })
    return loader.fromPretrained(hubSource(model, options, find), options)
  },
})

/** Finds what configurations refer to: names of the hub, and no paths of this machine. */
export const tokenizerFinder =
  (options: DownloadOptions, find: () => FindOptions = () => ({})) =>
  async (name: string): Promise<string> => {
    const { localFilesOnly } = find()
    return resolveModel(parseModelId(name), {
      ...downloadOptions(options, { localFilesOnly }),
      files: 'tokenizer',
    })
  }

/** Loads decoder-only language models from a folder, or by their name on the hub. */
export const AutoModelForCausalLM = fromHub(transformers.AutoModelForCausalLM)

/** Loads encoders for their hidden states and for embeddings. */
export const AutoModel = fromHub(transformers.AutoModel)

/** Loads encoders that classify texts. */
export const AutoModelForSequenceClassification = fromHub(transformers.AutoModelForSequenceClassification)

/** Loads encoders that classify the tokens of texts. */
export const AutoModelForTokenClassification = fromHub(transformers.AutoModelForTokenClassification)

/** Loads encoders that guess masked tokens. */
export const AutoModelForMaskedLM = fromHub(transformers.AutoModelForMaskedLM)

/** Finds entities of any labels in texts. */
export type GLiNER = gliner.GLiNER

/** Loads GLiNER, which finds entities of any labels, from a folder, or by its name on the hub. */
export const GLiNER: AutoClass<GLiNER, gliner.LoadGlinerOptions> = fromHub(gliner.GLiNER, gliner.weightFileOf)

/** Loads tokenizers from a folder, or by the name of their model on the hub. */
export const AutoTokenizer = {
  /**
   * @param model a folder with tokenizer.json, or "organisation/name": then the files of the tokenizer are downloaded
   * into the Hugging Face cache, and no weights.
   * @throws TokenizerFileError; HubError when a tokenizer cannot be had.
   */
  async fromPretrained(model: string, options: HubOptions = {}): Promise<transformers.Tokenizer> {
    checkOptions(options, ['revision'])
    const { revision } = options
    return transformers.AutoTokenizer.fromPretrained(
      await resolveModel(model, { revision, files: 'tokenizer' }),
    )
  },
}

function downloadOptions({ signal, onProgress }: DownloadOptions, find: FindOptions): ResolveModelOptions {
  return {
    ...find,
    signal,
    onProgress:
      onProgress &&
      (({ file, receivedBytes, totalBytes }) =>
        onProgress({
          ...{ stage: 'download', tensor: file },
          ...{ done: receivedBytes === totalBytes ? 1 : 0, total: 1 },
          ...{ doneBytes: receivedBytes, totalBytes },
        })),
  }
}
