import {
  CapabilityError,
  ConfigError,
  closestName,
  type JsonObject,
  toNode,
  toValue,
} from '@hfquant/core/runtime'
import { families } from '../families/index.js'
import type { Architecture, Backbone, ModelDescription } from './define-architecture.js'
import type { EncoderTask } from './encoder-facts.js'
import { reasonsLeftOut } from './left-out.js'
import { spellingsOf } from './spellings.js'
import { asPart, type ObjectNode, textConfigOf, textModelConfig } from './text-model.js'

const byName = new Map<string, Architecture>()
const byType = new Map<string, Architecture>()

/**
 * Makes a family of models known under its names and its model types.
 *
 * @throws ConfigError DEFINITION_INVALID for a definition of another version; ARCHITECTURE_DUPLICATE if another family
 * holds one of the names.
 */
export function registerArchitecture(architecture: Architecture): void {
  const { specVersion, names, modelTypes } = architecture
  if (specVersion !== 1) {
    throw new ConfigError(
      'DEFINITION_INVALID',
      `the definition of ${firstName(architecture)} is wrong: specVersion is ${specVersion}, expected 1`,
      {
        field: 'specVersion',
        found: specVersion,
        expected: 1,
        hint: 'Install a version of the package that was made for this version of @hfquant/models.',
      },
    )
  }
  const check = (known: ReadonlyMap<string, Architecture>, name: string) => {
    const other = known.get(name)
    if (other === undefined || other === architecture) return
    throw new ConfigError('ARCHITECTURE_DUPLICATE', `the architecture "${name}" is registered already`, {
      field: 'architectures',
      found: name,
      hint: 'Two packages define the same family; register one of them.',
    })
  }
  for (const name of names) check(byName, name)
  for (const type of modelTypes) check(byType, type)
  for (const name of names) byName.set(name, architecture)
  for (const type of modelTypes) byType.set(type, architecture)
}

for (const family of families) registerArchitecture(family)

/** Every family that is known, or those of one kind, in the order of its first name. */
export const knownArchitectures = (kind?: Architecture['kind']): readonly Architecture[] =>
  [...new Set([...byName.values(), ...byType.values()])]
    .filter((architecture) => kind === undefined || kind === architecture.kind)
    .sort((a, b) => (firstName(a) < firstName(b) ? -1 : 1))

const firstName = ({ names, modelTypes }: Architecture): string => names[0] ?? modelTypes[0] ?? ''

/** What a package that defines a family is called. */
const architecturePackage = (modelType: string): string =>
  `hfquant-model-${modelType.toLowerCase().replaceAll('_', '-')}`

/**
 * Looks a package up that is named after a model type and exports `architecture`; `refused` says why one that is installed
 * may not be imported. Where packages may come from is the caller's business: it knows which folders are to be trusted.
 */
export type ImportArchitecture = (
  packageName: string,
  modelType: string,
) => Promise<
  | { readonly architecture: Architecture }
  | { readonly architecture?: undefined; readonly refused?: string | undefined }
>

/** What is to be computed, where a configuration leaves it open. */
export interface DescribeOptions {
  /** Of an encoder; default: what the file names. */
  readonly task?: EncoderTask | undefined
  /** What a decoder is read for, which can also make vectors of texts: default `'generation'`. */
  readonly decoder?: 'generation' | 'vectors' | undefined
}

/**
 * The model that a config.json describes: of the family that `architectures` names, any entry of it, or else
 * `model_type`, or else a package of that name; or else the text model in its `text_config`.
 *
 * @throws ConfigError ARCHITECTURE_UNKNOWN naming what the file asks for and what there is; CapabilityError
 * ARCHITECTURE_LEFT_OUT for a family that is known and cannot be computed; as `Architecture.describe`.
 */
export async function describeModel(
  json: JsonObject,
  importPackage: ImportArchitecture,
  { task, decoder }: DescribeOptions = {},
): Promise<ModelDescription> {
  const named = namesIn(json)
  const { model_type: type } = json
  const known = named
    .flatMap(spellingsOf)
    .map((name) => byName.get(name))
    .find((architecture) => architecture !== undefined)
  const describe = ({ embedding, ...family }: Architecture) =>
    (decoder === 'vectors' && embedding ? embedding : family).describe(json, task)
  if (known !== undefined) return describe(known)
  const found = await ofType(type, importPackage)
  if (found.architecture !== undefined) return describe(found.architecture)
  const part = await describePart(json, importPackage)
  if (part === undefined) throw unknown(json, found.refused)
  return part
}

/**
 * The encoder that a config.json describes, as a part of another model.
 *
 * @param path of the encoder in that model.
 * @throws as `describeModel`; CapabilityError BACKBONE for a family that is no encoder.
 */
export function describeBackbone(json: JsonObject, path: string): Backbone {
  const named = namesIn(json)
  const { model_type: type } = json
  const known =
    named.flatMap(spellingsOf).flatMap((name) => byName.get(name) ?? [])[0] ??
    (typeof type === 'string' ? byType.get(type) : undefined)
  if (known === undefined) throw unknown(json)
  if (known.backbone !== undefined) return known.backbone(json, path)
  throw new CapabilityError('BACKBONE', `${firstName(known)} cannot be the encoder within another model`, {
    field: 'model_type',
    found: type,
    expected: [...byType].flatMap(([name, { backbone }]) => (backbone === undefined ? [] : [name])),
    hint: 'Use a model whose encoder is one of the families that are expected.',
  })
}

/** The family of a model type, which a package may define. */
async function ofType(type: unknown, importPackage: ImportArchitecture): ReturnType<ImportArchitecture> {
  if (typeof type !== 'string') return {}
  const known = byType.get(type)
  if (known !== undefined) return { architecture: known }
  const found = await importPackage(architecturePackage(type), type)
  if (found.architecture !== undefined) registerArchitecture(found.architecture)
  return found
}

/** The text model of a model that sees or hears as well; undefined where there is none of a family that is known. */
async function describePart(
  json: JsonObject,
  importPackage: ImportArchitecture,
): Promise<ModelDescription | undefined> {
  const { architecture } = await ofType(textConfigOf(json)?.model_type, importPackage)
  if (architecture === undefined) return undefined
  const config = textModelConfig(toNode(json) as ObjectNode, firstName(architecture))
  const model = architecture.describe(toValue(config) as JsonObject)
  return model.kind === 'decoder' ? asPart(model) : undefined
}

/** Entries of `architectures`; older files have one name in place of a list. */
const namesIn = ({ architectures: named }: JsonObject): readonly string[] =>
  (Array.isArray(named) ? named : [named]).filter((name): name is string => typeof name === 'string')

function unknown(json: JsonObject, refused?: string): Error {
  const named = namesIn(json)
  const { model_type: type } = json
  const asked =
    named.length > 0 ? `architectures ${JSON.stringify(named)}` : `model_type ${JSON.stringify(type)}`
  const reason = reasonsLeftOut(named, type)
  if (reason !== undefined) {
    return new CapabilityError('ARCHITECTURE_LEFT_OUT', `${asked} cannot be computed: ${reason}`, {
      field: named.length > 0 ? 'architectures' : 'model_type',
      found: named.length > 0 ? named : type,
      hint: 'It is not offered; a package can add it with registerArchitecture.',
    })
  }
  const known = [...byName.keys()].sort()
  const nearest = closestName(named[0] ?? (typeof type === 'string' ? type : ''), [
    ...known,
    ...byType.keys(),
  ])
  const wanted = typeof type === 'string' ? architecturePackage(type) : 'hfquant-model-<model_type>'
  const code = json.auto_map == null ? '' : ' The code that auto_map names is never run.'
  return new ConfigError(
    'ARCHITECTURE_UNKNOWN',
    `${asked} is unknown${nearest === undefined ? '' : `; the nearest that is offered is ${nearest}`}`,
    {
      field: named.length > 0 ? 'architectures' : 'model_type',
      found: named.length > 0 ? named : type,
      expected: known,
      hint:
        refused === undefined
          ? `A package of this name would add it: ${wanted}; or call registerArchitecture.${code}`
          : `${wanted} is installed, and ${refused}.`,
    },
  )
}
