import type {
  CalibrationRules,
  ConfigRules,
  ConversionRules,
  FileRules,
  QuantizerDefinition,
  Selection,
} from '../contract/definition.js'
import { likeliest } from '../errors/closest-name.js'
import { ConfigError } from '../errors/families.js'
import { quote } from '../errors/quote.js'
import { type Members, wrongFunction } from './wrong-function.js'

/** @throws ConfigError DEFINITION_INVALID saying what is wrong with a plug-in's definition. */
export function checkDefinition<Config>(definition: QuantizerDefinition<Config>): void {
  refuse(whatIsWrong(definition), 'the definition of a quantizer')
}

/** @throws ConfigError DEFINITION_INVALID saying what is wrong with what `select` of a plug-in gives. */
export function checkSelection<Config>(selection: Selection<Config>, quantMethod: string): void {
  refuse(
    wrongMember(selection, SELECTION, 'select()') ?? wrongList(selection.keep),
    `the definition of ${quantMethod}`,
  )
}

const wrongList = (keep: unknown): string | undefined =>
  keep === undefined || (Array.isArray(keep) && keep.every((entry) => typeof entry === 'string'))
    ? undefined
    : `select().keep is ${quote(keep)}, expected a list of module paths`

function refuse(wrong: string | undefined, subject: string): void {
  if (wrong === undefined) return
  throw new ConfigError('DEFINITION_INVALID', `${subject} is wrong: ${wrong}`, {
    hint: 'See QuantizerDefinition of @hfquant/core, and docs/write-a-backend.md.',
  })
}

function whatIsWrong(definition: unknown): string | undefined {
  if (!isObject(definition)) return `it is ${quote(definition)}, expected an object`
  const { specVersion, quantMethod } = definition
  if (specVersion !== 2) return ofAnotherVersion(definition)
  if (typeof quantMethod !== 'string' || !/^[a-z0-9][a-z0-9_-]*$/.test(quantMethod)) {
    return `quantMethod is ${quote(quantMethod)}, expected lower-case letters, digits, "_" and "-"`
  }
  const { config, files = {}, calibrate, convert } = definition
  return (
    wrongMember(definition, DEFINITION) ??
    wrongMember(config, CONFIG, 'config') ??
    wrongMember(files, FILES, 'files') ??
    (calibrate === undefined ? undefined : wrongMember(calibrate, CALIBRATE, 'calibrate')) ??
    (convert === undefined ? undefined : wrongMember(convert, CONVERT, 'convert'))
  )
}

const DEFINITION: Members<QuantizerDefinition<unknown>> = {
  ...{ specVersion: 'value', quantMethod: 'value', revision: 'value' },
  ...{ config: 'value', select: 'function?', formatFor: 'async', files: 'value', calibrate: 'value' },
  convert: 'value',
}

const CONFIG: Members<ConfigRules<unknown>> = {
  ...{ parse: 'function', format: 'function', file: 'value', label: 'function?' },
  ...{ loading: 'value', recipe: 'value' },
  ...{ isOff: 'function?', check: 'function?', withHead: 'function?', warnings: 'function?' },
}

const SELECTION: Members<Selection<unknown>> = {
  ...{ keep: 'value', replaceDefaults: 'value', embeddings: 'value', untie: 'value' },
  ...{ adapt: 'function?', record: 'function?' },
}

const FILES: Members<FileRules<unknown>> = {
  ...{ stacked: 'value', dtype: 'value', weights: 'function?', name: 'function?', recover: 'function?' },
  ...{ carries: 'function?', rewrite: 'function?', objects: 'value', metadata: 'function?' },
  sidecars: 'function?',
  savesFloats: 'value',
  ...{ checkLoadable: 'function?', checkSavable: 'function?' },
}

const CALIBRATE: Members<CalibrationRules<unknown>> = { defers: 'function', run: 'async' }

const CONVERT: Members<ConversionRules<unknown>> = { config: 'function', formatFor: 'function' }

/** A member that nobody knows would be passed over without a word. */
function wrongMember(owner: unknown, members: Members<object>, group?: string): string | undefined {
  if (!isObject(owner)) return `${group} is ${quote(owner)}, expected an object`
  const pathOf = (name: string) => (group === undefined ? name : `${group}.${name}`)
  const known = Object.keys(members)
  const unknown = Object.keys(owner).find((name) => !known.includes(name))
  if (unknown !== undefined) return `${pathOf(unknown)} is ${strangeMember(unknown, known)}`
  return wrongFunction(owner, members, pathOf)
}

const strangeMember = (name: string, known: readonly string[]): string =>
  Object.hasOwn(MOVED, name)
    ? `a member of version 1: it is ${MOVED[name]} now`
    : `no member of a definition. ${likeliest(name, known)}`.trimEnd()

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function ofAnotherVersion(definition: Readonly<Record<string, unknown>>): string {
  const { specVersion } = definition
  if (specVersion !== 1) return `specVersion is ${quote(specVersion)}, expected 2`
  const moved = Object.keys(definition).filter((member) => Object.hasOwn(MOVED, member))
  const changes = ['specVersion is 2', ...moved.map((member) => `${member} is ${MOVED[member]}`)]
  return `specVersion is 1, expected 2: ${changes.join(', ')} now`
}

/** Where the members of version 1 are in version 2. */
const MOVED: Readonly<Record<string, string>> = {
  parseConfig: 'config.parse',
  formatConfig: 'config.format',
  label: 'config.label',
  loadingAttributes: 'config.loading',
  recipeKeys: 'config.recipe',
  isSwitchedOff: 'config.isOff',
  validateEnvironment: 'config.check',
  withOutputProjection: 'config.withHead',
  warnings: 'config.warnings',
  skipModules: 'select().keep',
  replacesDefaultSkips: 'select().replaceDefaults',
  withSkipModules: 'select().record',
  includesEmbeddings: 'select().embeddings',
  namesModule: 'select().embeddings',
  untiesEmbeddings: 'select().untie',
  sizesDependOnValues: 'sizesDependOnValues of the format',
  stackedComponents: 'files.stacked',
  tensorName: 'files.name',
  recoverConfig: 'files.recover',
  rewritesConfig: 'files.rewrite',
  settleConfig: 'files.rewrite',
  objects: 'files.objects',
  checkpointMetadata: 'files.metadata',
}
