import * as transformers from '@hfquant/transformers'
import { resolveModel } from './hub/index.js'

/** Which revision of a model of the hub; a branch, a tag or a commit. Not for local folders. */
export interface HubOptions {
  readonly revision?: string | undefined
}

/** What finds a model and loads it as one class. */
export interface AutoClass<Model> {
  /**
   * @param model a model folder, or "organisation/name": then the files are downloaded into the Hugging Face cache.
   * @throws as the loader does; HubError when a model cannot be had.
   */
  fromPretrained(model: string, options?: transformers.LoadModelOptions & HubOptions): Promise<Model>
}

const fromHub = <Model>({
  fromPretrained,
}: {
  readonly fromPretrained: (
    source: transformers.ModelSource,
    options: transformers.LoadModelOptions,
  ) => Promise<Model>
}): AutoClass<Model> => ({
  async fromPretrained(model, { revision, ...options } = {}) {
    const locate = () => resolveModel(model, downloadOptions(revision, options))
    return fromPretrained({ name: model, locate }, options)
  },
})

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

/** Loads tokenizers from a folder, or by the name of their model on the hub. */
export const AutoTokenizer = {
  /**
   * @param model a folder with tokenizer.json, or "organisation/name": then the files of the tokenizer are downloaded
   * into the Hugging Face cache, and no weights.
   * @throws TokenizerFileError; HubError when a tokenizer cannot be had.
   */
  async fromPretrained(model: string, { revision }: HubOptions = {}): Promise<transformers.Tokenizer> {
    return transformers.AutoTokenizer.fromPretrained(
      await resolveModel(model, { revision, files: 'tokenizer' }),
    )
  },
}

function downloadOptions(
  revision: string | undefined,
  { signal, onProgress }: Pick<transformers.LoadModelOptions, 'signal' | 'onProgress'>,
): Parameters<typeof resolveModel>[1] {
  return {
    ...(revision !== undefined && { revision }),
    ...(signal !== undefined && { signal }),
    ...(onProgress !== undefined && {
      onProgress: ({ file, receivedBytes, totalBytes }) =>
        onProgress({
          stage: 'download',
          tensor: file,
          done: receivedBytes === totalBytes ? 1 : 0,
          total: 1,
          doneBytes: receivedBytes,
          totalBytes,
        }),
    }),
  }
}
