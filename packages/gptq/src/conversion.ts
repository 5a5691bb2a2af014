import { type ConversionRules, commonGrid, skip } from '@hfquant/core'
import { DEFAULTS, type GptqSettings } from './config/settings.js'
import { BITS, type Bits } from './format/bits.js'
import { inBlock, unfitShape } from './format/choose-format.js'
import { encodeWeight } from './format/encode.js'
import { gptqFormat } from './format/gptq-format.js'
import type { GptqLayout } from './format/layout.js'
import { plainGroups } from './format/plain-groups.js'

/**
 * Weights of other methods keep the order of their columns. Zero points that are all in the middle are stored as v1, which every
 * reader knows; any others as v2, since one may be 0.
 */
export const conversion: ConversionRules<GptqSettings> = {
  config(weights) {
    const { bits, groupSize, symmetric: sym } = commonGrid('gptq', weights)
    const own = { bits: bits as Bits, groupSize, sym, format: sym ? 'gptq' : 'gptq_v2' } as const
    return { ...DEFAULTS, ...own, method: 'converted' }
  },
  formatFor(weight, { groupSize, scaleDtype }, { bits, format, sym: symmetric }) {
    const { path, inFeatures } = weight
    if (!BITS.includes(bits)) return skip(`has codes of ${bits} bits, expected ${BITS.join(', ')}`)
    // Every reader takes scales in 16 bits, and would round others.
    if (scaleDtype === 'float32') return skip('has scales in float32, expected 16 bits')
    if (!inBlock(path)) return skip('is outside of the blocks')
    if (inFeatures % groupSize !== 0)
      return skip(`has ${inFeatures} input features, no multiple of ${groupSize}`)
    const unfit = unfitShape(weight, bits)
    if (unfit !== undefined) return skip(unfit)
    const layout: GptqLayout = {
      ...{ bits, groupSize, scaleDtype, symmetric },
      ...{ zeroPoints: format === 'gptq' ? 'gptq' : 'gptq_v2', hasGroupIndex: true, order: undefined },
    }
    return {
      ...gptqFormat({ layout }),
      pack: (integers, out) =>
        encodeWeight({ ...integers, groupOf: plainGroups(inFeatures, groupSize) }, out, weight, layout),
    }
  },
}
