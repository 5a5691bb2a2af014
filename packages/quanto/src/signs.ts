import { hasTensor, type MethodSigns } from '@hfquant/core'
import { MAP_FILE } from './config/map-file.js'

export const signs: readonly MethodSigns[] = [
  { quantMethod: 'quanto', configFile: MAP_FILE, recognizes: hasTensor(/\.weight\._data(\._data)?$/) },
]
