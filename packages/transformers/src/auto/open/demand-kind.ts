import { ConfigError, type JsonObject } from '@hfquant/core'
import { CLASS_OF_TASK, type EncoderTask, type ModelDescription } from '@hfquant/models'

/** What a class computes with. */
export interface WantedModel {
  readonly kind?: ModelDescription['kind'] | undefined
  /** Of an encoder; default: the one that config.json names. */
  readonly task?: EncoderTask | undefined
  /** The model that a configuration describes; default: of the family that it names. */
  readonly describe?:
    | ((config: JsonObject, folder: string) => ModelDescription | Promise<ModelDescription>)
    | undefined
  /** What the file of the configuration is called; default config.json. */
  readonly configName?: string | undefined
  /** Weight files to look for before the usual ones. */
  readonly weightFiles?: readonly string[] | undefined
}

/** @throws ConfigError MODEL_CLASS for a decoder where an encoder is wanted, or the other way round: names the class. */
export function demandKind<Model extends ModelDescription>(model: Model, { kind }: WantedModel): Model {
  if (kind === undefined || kind === model.kind) return model
  const right = model.kind === 'encoder' ? CLASS_OF_TASK[model.encoder.tasks.at(-1)!] : 'AutoModelForCausalLM'
  const is =
    model.kind === 'encoder' ? 'an encoder, which generates no text' : 'a decoder, which generates text'
  throw new ConfigError('MODEL_CLASS', `${model.name} is ${is}`, {
    field: 'architectures',
    found: model.kind,
    expected: kind,
    hint: `Load it with ${right}.`,
  })
}
