import { type DefinedQuantizer, defineQuantizer, unknownKeysRemark } from '@hfquant/core'
import { checkModules, typesOf } from './config/check-modules.js'
import { MAP_FILE } from './config/map-file.js'
import type { ModuleMap } from './config/modules.js'
import { recoverModules } from './config/recover-modules.js'
import { formatSettings, type QuantoSettings, readSettings } from './config/settings.js'
import { NAMED_TYPES } from './config/types.js'
import { madeFormat } from './format/made-format.js'
import { storedFormat } from './format/stored-format.js'

/** `quant_method` "quanto": folders of optimum-quanto, whose configuration is a map of modules in a file of its own. */
export const quanto: DefinedQuantizer<QuantoSettings> = defineQuantizer<QuantoSettings>({
  specVersion: 2,
  revision: 1,
  quantMethod: 'quanto',
  config: {
    parse: readSettings,
    format: formatSettings,
    file: MAP_FILE,
    label: ({ weights }) => weights,
    recipe: ['weights'],
    warnings: ({ others, modules }) => [...activationsRemark(modules), ...unknownKeysRemark(others)],
  },
  select: (settings) => ({
    keep: settings.modulesToNotConvert,
    // The map says all; it is the only thing that is saved.
    record: ({ quantized }) => ({
      ...settings,
      modulesToNotConvert: undefined,
      modules: mapOf(quantized, settings),
    }),
  }),
  formatFor: (weight, { weights, modules }, { preQuantized, stored }) =>
    preQuantized
      ? storedFormat(weight, stored!, typesOf(weight, modules))
      : madeFormat(weight, NAMED_TYPES[weights]),
  files: {
    recover(headers) {
      const modules = recoverModules(headers)
      return modules && readSettings({ [MAP_FILE.key]: Object.fromEntries(modules) })
    },
    checkLoadable: ({ modules }, headers) => checkModules(modules, headers),
  },
})

const mapOf = (paths: readonly string[], { weights }: QuantoSettings): ModuleMap =>
  new Map(paths.map((path) => [path, { weights: NAMED_TYPES[weights], activations: 'none' }]))

/** Products of other weights round activations themselves, with a scale for each block of a token, which loses less. */
function activationsRemark(modules: ModuleMap | undefined): readonly string[] {
  const found = [...(modules ?? [])].find(
    ([, { weights, activations }]) =>
      activations !== 'none' && weights !== 'none' && !(weights === 'qint8' && activations === 'qint8'),
  )
  if (found === undefined) return []
  const [path, { weights, activations }] = found
  return [
    `activations of ${path} and others are not quantized to ${activations} with the scales of the file: products of ${weights} round them to int8 for each block of a token`,
  ]
}
