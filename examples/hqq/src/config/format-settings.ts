import type { JsonObject } from '@hfquant/core'
import { type HqqSettings, type LayerSettings, startsWhole } from './settings.js'

/** The block of config.json without `quant_method`: the keys that `HqqConfig.to_dict` writes. */
export const formatSettings = (settings: HqqSettings): JsonObject => ({
  quant_config: settings.dynamic === undefined ? formatLayer(settings) : formatDynamic(settings.dynamic),
  skip_modules: settings.skipModules ?? ['lm_head'],
})

const formatDynamic = (dynamic: Readonly<Record<string, LayerSettings>>): JsonObject =>
  Object.fromEntries(Object.entries(dynamic).map(([tag, layer]) => [tag, formatLayer(layer)]))

const formatLayer = (layer: LayerSettings): JsonObject => ({
  weight_quant_params: {
    nbits: layer.nbits,
    channel_wise: true,
    group_size: layer.groupSize,
    optimize: layer.optimize,
    round_zero: startsWhole(layer),
    axis: layer.axis,
    view_as_float: layer.viewAsFloat,
  },
  scale_quant_params: null,
  zero_quant_params: null,
  offload_meta: false,
})
