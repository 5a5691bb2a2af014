import { type DefinedQuantizer, defineQuantizer, incompleteFormat, skip } from '@hfquant/core'
import { formatSettings } from './config/format-settings.js'
import { readSettings } from './config/read-settings.js'
import { recoverSettings } from './config/recover-settings.js'
import { type HqqSettings, layerTag, settingsFor } from './config/settings.js'
import { madeFormat } from './format/made-format.js'
import { storedFormat } from './format/stored-format.js'

/**
 * HQQ: `hqq({ nbits: 3, groupSize: 32 })` is a configuration; folders whose config.json names the method find the package
 * by themselves.
 */
export const hqq: DefinedQuantizer<HqqSettings> = defineQuantizer<HqqSettings>({
  specVersion: 2,
  quantMethod: 'hqq',
  config: { parse: readSettings, format: formatSettings },
  select: (settings) => ({
    keep: settings.skipModules,
    replaceDefaults: true,
    record: ({ kept }) => ({ ...settings, skipModules: kept }),
  }),
  formatFor(weight, settings, { preQuantized, stored }) {
    if (preQuantized)
      return stored?.tensors.has('W_q') ? storedFormat(weight, stored) : incompleteFormat('W_q')
    const own = settingsFor(settings, weight.path)
    if (own === undefined) return skip(`has no settings: dynamic does not name "${layerTag(weight.path)}"`)
    return madeFormat(weight, own)
  },
  files: { recover: recoverSettings },
})
