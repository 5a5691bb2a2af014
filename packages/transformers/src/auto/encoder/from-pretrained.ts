import type { EncoderTask } from '@hfquant/models'
import { loadPretrained } from '../load-pretrained.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { ModelSource } from '../open/model-source.js'
import type { Weights } from '../weights/weights.js'
import { BaseEncoder } from './base-encoder.js'
import { MaskedLM } from './masked-lm.js'
import { SequenceClassifier } from './sequence-classifier.js'
import { TokenClassifier } from './token-classifier.js'

/** Loads encoders as one class. */
interface EncoderLoader<Model> {
  /**
   * Loads a model folder, as `AutoModelForCausalLM.fromPretrained` does.
   *
   * @throws as that; ConfigError MODEL_CLASS for a decoder, and for a model without the head that is wanted.
   */
  fromPretrained(source: ModelSource, options?: LoadModelOptions): Promise<Model>
}

const loaderOf = <Model>(
  task: EncoderTask,
  EncoderClass: new (weights: Weights, options: LoadModelOptions) => Model,
): EncoderLoader<Model> => ({
  fromPretrained: (source, options = {}) =>
    loadPretrained(
      source,
      options,
      { kind: 'encoder', task },
      (weights) => new EncoderClass(weights, options),
    ),
})

/** Loads encoders without what may stand on them: for hidden states, and embeddings. */
export const AutoModel = loaderOf('hidden-states', BaseEncoder)

/** Loads encoders that classify texts. */
export const AutoModelForSequenceClassification = loaderOf('sequence-classification', SequenceClassifier)

/** Loads encoders that classify the tokens of texts. */
export const AutoModelForTokenClassification = loaderOf('token-classification', TokenClassifier)

/** Loads encoders that guess masked tokens. */
export const AutoModelForMaskedLM = loaderOf('masked-lm', MaskedLM)
