import { existsSync } from 'node:fs'
import { join } from 'node:path'
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

/** Files that describe models, and the class that loads each: a folder of another kind is refused by its name. */
const CONFIG_OWNERS: Readonly<Record<string, string>> = {
  'config.json': 'AutoModelForCausalLM or AutoModel',
  'gliner_config.json': 'GLiNER',
}

/**
 * @param configName the file that is wanted, and is not there
 * @returns what a folder is that has another such file; undefined for one that is no model.
 */
export function otherKind(folder: string, configName: string): ConfigError | undefined {
  const other = Object.keys(CONFIG_OWNERS).find(
    (name) => name !== configName && existsSync(join(folder, name)),
  )
  if (other === undefined) return undefined
  return new ConfigError(
    'MODEL_CLASS',
    `${folder} has ${other} and no ${configName}: it is another kind of model`,
    {
      file: join(folder, configName),
      found: other,
      expected: configName,
      hint: `Load it with ${CONFIG_OWNERS[other]}.`,
    },
  )
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
