import type { QuantizerDefinition } from '../contract/definition.js'
import { ConfigError } from '../errors/families.js'

/** @throws ConfigError DEFINITION_INVALID saying what is wrong with a plug-in's definition. */
export function checkDefinition<Config>(definition: QuantizerDefinition<Config>): void {
  const wrong = whatIsWrong(definition)
  if (wrong === undefined) return
  throw new ConfigError('DEFINITION_INVALID', `the definition of a quantizer is wrong: ${wrong}`, {
    hint: 'See QuantizerDefinition of @hfquant/core, and docs/write-a-backend.md.',
  })
}

function whatIsWrong<Config>(definition: QuantizerDefinition<Config>): string | undefined {
  const { specVersion, quantMethod, config, formatFor } = definition
  if (specVersion !== 2) return ofAnotherVersion(definition)
  if (typeof quantMethod !== 'string' || !/^[a-z0-9][a-z0-9_-]*$/.test(quantMethod)) {
    return `quantMethod is ${JSON.stringify(quantMethod)}, expected lower-case letters, digits, "_" and "-"`
  }
  const needed = { 'config.parse': config?.parse, 'config.format': config?.format, formatFor }
  const missing = Object.entries(needed).find(([, member]) => typeof member !== 'function')
  if (missing !== undefined) return `${missing[0]} is no function`
  const old = Object.keys(definition).find((member) => Object.hasOwn(MOVED, member))
  return old === undefined ? undefined : `${old} is a member of version 1: it is ${MOVED[old]} now`
}

function ofAnotherVersion(definition: object & { readonly specVersion: unknown }): string {
  const { specVersion } = definition
  if (specVersion !== 1) return `specVersion is ${specVersion}, expected 2`
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
