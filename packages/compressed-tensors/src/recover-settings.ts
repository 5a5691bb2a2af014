import type { CheckpointHeaders } from '@hfquant/core'
import type { CompressedTensorsSettings } from './config/settings.js'
import { looksCompressed } from './signs.js'

/** The settings of a checkpoint whose config.json lost them: how each weight is stored, its own tensors say. */
export const recoverSettings = (headers: CheckpointHeaders): CompressedTensorsSettings | undefined =>
  looksCompressed(headers)
    ? {
        ...{ groups: [], ignore: undefined, format: 'mixed-precision', quantizationStatus: 'compressed' },
        ...{ kvCacheScheme: null, carried: {}, others: {} },
      }
    : undefined
