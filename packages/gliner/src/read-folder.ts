import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  CheckpointError,
  HfquantError,
  type JsonObject,
  liesIn,
  quote,
  readJsonFile,
} from '@hfquant/core/runtime'
import type { EncoderDescription } from '@hfquant/models'
import { AutoTokenizer, type Tokenizer, type WantedModel } from '@hfquant/transformers'
import { CONFIG_NAME, type GlinerConfig, namesOf, readGlinerConfig } from './config/gliner-config.js'
import { lacksMarkers, markersOf, settleVocabulary } from './config/markers.js'
import { gliner } from './model/architecture.js'

/** The folder of the tokenizer and of config.json of another model, by its name on the hub. */
export type LocateTokenizer = (name: string) => Promise<string>

/** What a model refers to, and who finds it. */
export interface FolderContext {
  /** Undefined where nothing is fetched. */
  readonly locate: LocateTokenizer | undefined
  /** Of the encoder of labels: the folder, or the name on the hub, of its tokenizer. */
  readonly labelsTokenizer?: string | undefined
}

/** What a folder holds beside the weights. */
export interface GlinerFolder {
  readonly config: GlinerConfig
  /** gliner_config.json, with what it leaves to other files. */
  readonly json: JsonObject
  readonly tokenizer: Tokenizer
  /** Where the tokenizer lies: in the folder of the model, or elsewhere. */
  readonly tokenizerFolder: string
}

/** Of a bi-encoder. */
export interface LabelTokenizer {
  readonly tokenizer: Tokenizer
  readonly folder: string
}

/**
 * Reads gliner_config.json and the tokenizer of the texts. What a folder leaves to the model that it was made from, its
 * configuration and its tokenizer, is looked for under the name of that model.
 *
 * @throws ConfigError, CapabilityError and CheckpointError for what cannot be read; what `locate` throws.
 */
export async function readGlinerFolder(
  json: JsonObject,
  folder: string,
  context: FolderContext,
): Promise<GlinerFolder> {
  const completed = await withEncoders(json, folder, context)
  const config = readGlinerConfig(completed)
  const { modelName } = namesOf(json)
  const isInside = existsSync(join(folder, 'tokenizer.json')) || modelName === undefined
  const tokenizerFolder = (isInside ? undefined : await context.locate?.(modelName)) ?? folder
  const addedTokens = lacksMarkers(config) ? markersOf(config) : []
  const tokenizer = await AutoTokenizer.fromPretrained(tokenizerFolder, { addedTokens })
  return { config, json: settleVocabulary(completed, config, tokenizer), tokenizer, tokenizerFolder }
}

/** @returns undefined unless the labels have an encoder of their own. Throws CheckpointError LABEL_TOKENIZER_MISSING. */
export async function readLabelTokenizer(
  { labels }: GlinerConfig,
  folder: string,
  { labelsTokenizer, locate }: FolderContext,
): Promise<LabelTokenizer | undefined> {
  if (labels === undefined) return undefined
  const found = await findLabelTokenizer(folder, labels.name, labelsTokenizer, locate)
  return { tokenizer: await AutoTokenizer.fromPretrained(found), folder: found }
}

/** How a folder of this kind is opened, by whoever looks at it or writes it anew. */
export const glinerFolder = (locate: LocateTokenizer | undefined): WantedModel => ({
  ...{ kind: 'encoder', configName: CONFIG_NAME },
  async describe(json, folder): Promise<EncoderDescription> {
    return gliner.describe((await readGlinerFolder(json, folder, { locate })).json)
  },
})

/** Configurations of encoders that the file names and does not hold. */
async function withEncoders(
  json: JsonObject,
  folder: string,
  { locate, labelsTokenizer }: FolderContext,
): Promise<JsonObject> {
  if (locate === undefined) return json
  const { modelName, labelsName } = namesOf(json)
  const configIn = async (place: string) => (await readJsonFile(join(place, 'config.json'))).value
  const isOpen = (key: string) => json[key] === undefined || json[key] === null
  return {
    ...json,
    ...(modelName !== undefined &&
      isOpen('encoder_config') && { encoder_config: await configIn(await locate(modelName)) }),
    ...(labelsName !== undefined &&
      isOpen('labels_encoder_config') && {
        labels_encoder_config: await configIn(
          await findLabelTokenizer(folder, labelsName, labelsTokenizer, locate),
        ),
      }),
  }
}

/**
 * The folder of the tokenizer of the labels, which is no part of a published checkpoint: where the caller says, in the folder
 * `labels_encoder` of the model, in the folder of the model that its configuration names, or on the hub under that name.
 *
 * @param name `labels_encoder` of gliner_config.json
 * @param locate undefined where nothing is fetched
 * @throws CheckpointError LABEL_TOKENIZER_MISSING.
 */
async function findLabelTokenizer(
  folder: string,
  name: string,
  given: string | undefined,
  locate: LocateTokenizer | undefined,
): Promise<string> {
  if (given !== undefined) return existsSync(given) ? given : ((await locate?.(given)) ?? given)
  const inside = [LABELS_FOLDER, name].map((own) => join(folder, own)).filter((own) => liesIn(own, folder))
  const found = inside.find((own) => existsSync(join(own, 'tokenizer.json')))
  if (found !== undefined) return found
  const located = await locate?.(name).catch((error: unknown) => {
    throw HfquantError.isInstance(error) ? missing(folder, name, error) : error
  })
  if (located === undefined) throw missing(folder, name)
  return located
}

/** Where a model folder has it. */
export const LABELS_FOLDER = 'labels_encoder'

function missing(folder: string, name: string, cause?: HfquantError): CheckpointError {
  const why = cause === undefined ? '' : `; ${cause.message}`
  return new CheckpointError(
    'LABEL_TOKENIZER_MISSING',
    `${folder} holds no tokenizer of the encoder of labels, which is ${quote(name)}${why}`,
    {
      ...{ file: join(folder, LABELS_FOLDER, 'tokenizer.json'), field: 'labels_encoder', found: name, cause },
      hint: `Put the tokenizer files of ${quote(name)} into its folder labels_encoder, or pass labelsTokenizer.`,
    },
  )
}
