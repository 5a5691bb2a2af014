import { type ConversionRules, commonGrid, skip, type WeightInfo } from '@hfquant/core'
import { type AwqSettings, DEFAULTS } from './config/settings.js'
import { gemmFormat, packRows } from './format/gemm-format.js'
import { ACT_SCALES, CODES_IN_WORD } from './format/layout.js'

/** Weights of other methods are written as `gemm`, with zero points whatever they are. */
export const conversion: ConversionRules<AwqSettings> = {
  config: (weights) => ({ ...DEFAULTS, groupSize: commonGrid('awq', weights).groupSize }),
  formatFor(weight, { bits, groupSize, scaleDtype }, _config, { keepsElsewhere }) {
    if (bits !== 4) return skip(`has codes of ${bits} bits, expected 4`)
    // Every reader takes scales in 16 bits, and would round others.
    if (scaleDtype === 'float32') return skip('has scales in float32, expected 16 bits')
    const obstacle = obstacleOf(weight, groupSize)
    if (obstacle !== undefined) return skip(obstacle)
    const tensors = { scaleDtype, scalesActivation: keepsElsewhere(ACT_SCALES) }
    return {
      ...gemmFormat(weight, { ...tensors, groupSize }),
      pack: (integers, out, { outFeatures }) => packRows(integers, outFeatures, out, tensors),
    }
  },
}

/** Why a weight is not stored on groups of this size; -1: rows. */
export function obstacleOf(
  { path, outFeatures, inFeatures }: WeightInfo,
  groupSize: number,
): string | undefined {
  if (!IN_BLOCK.test(path)) return 'is outside of the blocks'
  if (outFeatures % CODES_IN_WORD !== 0)
    return `has ${outFeatures} output features, no multiple of ${CODES_IN_WORD}`
  if (groupSize !== -1 && inFeatures % groupSize !== 0)
    return `has ${inFeatures} input features, no multiple of ${groupSize}`
  return undefined
}

/** Blocks are the members of a list of modules: "model.layers.0.mlp.up_proj". */
const IN_BLOCK = /(^|\.)\d+\./
