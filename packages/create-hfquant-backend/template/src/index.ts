import { defineQuantizer, oneOf, readInteger, readStrings, skip } from '@hfquant/core'
import { GROUP_SIZES, type GroupSize, groupFormat } from './format.js'

/** The configuration as this package works with it. */
export interface Config {
  /** Weights that share a scale. */
  readonly groupSize: GroupSize
  /** Modules that stay in float; undefined: those that always do by default. */
  readonly skipModules: readonly string[] | undefined
}

/**
 * The method: `quantizer({ groupSize: 64 })` is a configuration of it. hfquant imports this package, by its name, for
 * folders whose config.json says "my_method", and looks for an export called `quantizer`.
 */
export const quantizer = defineQuantizer<Config>({
  specVersion: 2,
  quantMethod: 'my_method',

  // quantization_config of config.json, read and written. Whatever is wrong throws a ConfigError that names the field.
  config: {
    parse: (json) => ({
      groupSize: oneOf(readInteger(json, 'group_size', 32), GROUP_SIZES, 'group_size'),
      skipModules: readStrings(json, 'modules_to_not_convert', undefined),
    }),
    format: ({ groupSize, skipModules }) => ({
      group_size: groupSize,
      modules_to_not_convert: skipModules ?? null,
    }),
  },

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
