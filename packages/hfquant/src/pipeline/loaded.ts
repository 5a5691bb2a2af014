import type { EncodeTextsOptions, Tokenizer } from '@hfquant/transformers'

/** A model of a pipeline, and what its texts are read with. */
export interface Loaded<Model> {
  readonly model: Model
  readonly tokenizer: Tokenizer
  /** The folder of the model. */
  readonly folder: string
  /** Texts are cut to what tokenizer and model take. */
  readonly truncation: EncodeTextsOptions
}
