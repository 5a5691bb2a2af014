import type { CheckpointHeaders, TensorInfo } from '@hfquant/core'
import { PACKINGS } from '../format/packing.js'
import { DEFAULT_LAYER, type HqqSettings, type LayerSettings, layerTag, type Width } from './settings.js'

/**
 * The config of a checkpoint whose config.json does not have one, such as those of the library's `save_to_safetensors`.
 * Shapes do not tell everything: where groups run across the rows, or 5 and 6 bits are stored in 8, the settings are a
 * guess. Loading does not depend on them.
 */
export function recoverSettings({ tensors }: CheckpointHeaders): HqqSettings | undefined {
  const layers = new Map<string, LayerSettings>()
  for (const [name, codes] of tensors) {
    if (!name.endsWith('.W_q')) continue
    const path = name.slice(0, -'.W_q'.length)
    const scale = tensors.get(`${path}.scale`)
    if (!tensors.has(`${path}.packing`) || scale === undefined) continue
    layers.set(layerTag(path), settingsOf(codes, scale))
  }
  if (layers.size === 0) return undefined
  const distinct = new Set([...layers.values()].map((layer) => JSON.stringify(layer)))
  const [first] = layers.values()
  const dynamic = distinct.size === 1 ? undefined : Object.fromEntries(layers)
  return { ...(dynamic === undefined ? first! : DEFAULT_LAYER), dynamic, skipModules: undefined }
}

function settingsOf(codes: TensorInfo, scale: TensorInfo): LayerSettings {
  const [wordRows = 0, columns = 0] = codes.shape
  const [groups = 0, width = 0] = scale.shape
  if (width !== 1) return { ...DEFAULT_LAYER, axis: 0, groupSize: wordRows * CODES_PER_WORD }
  const packing =
    codes.dtype === 'int32'
      ? PACKINGS.find(({ word }) => word === 'int32')
      : PACKINGS.find(({ codesPerWord }) => codesPerWord * wordRows === groups)
  return { ...DEFAULT_LAYER, nbits: (packing?.bits ?? DEFAULT_LAYER.nbits) as Width, groupSize: columns }
}

/** Those of 4 bits, the default. */
const CODES_PER_WORD = 2
