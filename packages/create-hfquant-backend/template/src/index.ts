import { configFields, defineQuantizer, oneOf, readInteger, readStrings, skip } from '@hfquant/core'
import { GROUP_SIZES, groupFormat } from './format.js'

/**
 * The method: `quantizer({ groupSize: 64 })` is a configuration of it. hfquant imports this package, by its name, for
 * folders whose config.json says "my_method", and looks for an export called `quantizer`.
 */
export const quantizer = defineQuantizer({
  specVersion: 2,
  quantMethod: 'my_method',

  // quantization_config of config.json, read and written. Whatever is wrong throws a ConfigError that names the field.
  config: configFields({
    groupSize: ['group_size', (json, key) => oneOf(readInteger(json, key, 32), GROUP_SIZES, key)],
    skipModules: ['modules_to_not_convert', (json, key) => readStrings(json, key, undefined)],
  }),

  // Which modules stay in float, and how a saved config names them.
  select: (config) => ({
    keep: config.skipModules,
    record: ({ kept }) => ({ ...config, skipModules: kept }),
  }),

  // How one weight is stored, or why it stays in float.
  formatFor: ({ inFeatures }, { groupSize }) =>
    inFeatures % groupSize === 0
      ? groupFormat(groupSize)
      : skip(`has ${inFeatures} input features, no multiple of ${groupSize}`),
})
