import {
  ConfigError,
  type FormatContext,
  type QuantizedFormat,
  type Skip,
  skip,
  type WeightInfo,
} from '@hfquant/core'
import { settingsFor } from '../config/read-settings.js'
import type { GptqSettings, ModuleSettings } from '../config/settings.js'
import { type GridRules, gptqFormat } from './gptq-format.js'
import type { GptqLayout } from './layout.js'
import { storedFormat } from './stored-format.js'

/** The format of one weight, or why it stays in float. */
export function chooseFormat(
  weight: WeightInfo,
  settings: GptqSettings,
  { stored, preQuantized }: FormatContext,
): QuantizedFormat | Skip | Promise<QuantizedFormat | Skip> {
  const { path } = weight
  const own = settingsFor(settings, path)
  if (preQuantized) {
    // A loader goes by the tensors; rules only say how to read them.
    if (stored?.tensors.has('qweight') !== true) return skip('is stored in float')
    const { bits, groupSize, sym } = own ?? settings
    const zeroPoints = settings.format === 'auto' ? 'gptq' : settings.format
    return storedFormat(weight, { bits, groupSize, symmetric: sym, zeroPoints }, stored)
  }
  if (own === undefined) return skip('is excluded by a rule of `dynamic`')
  const isHead = settings.lmHead && !inBlock(path)
  if (!isHead && !inBlock(path)) return skip('is outside of the blocks')
  if (!isHead && !isListed(path, settings.modulesInBlock))
    return skip('is not in modules_in_block_to_quantize')
  const unfit = unfitShape(weight, own.bits)
  if (unfit !== undefined) return skip(unfit)
  return gptqFormat({ layout: newLayout(weight, own, settings), rules: gridRules(own, settings) })
}

/** How parameters are found for a module. */
export const gridRules = ({ mse, sym }: ModuleSettings, settings: GptqSettings): GridRules => ({
  oneSided: settings.referenceSymmetric,
  // Asked for v1, zero points of 0 are avoided: readers disagree about them.
  minimumZero: !sym && settings.format === 'gptq' ? 1 : 0,
  searchExponent: mse,
  roundScales: settings.scaleRounding === 'before',
})

function newLayout(weight: WeightInfo, own: ModuleSettings, settings: GptqSettings): GptqLayout {
  const { inFeatures, path } = weight
  const groupSize = own.groupSize === -1 ? inFeatures : own.groupSize
  if (inFeatures % groupSize !== 0) {
    throw new ConfigError(
      'GROUP_SIZE',
      `group_size is ${groupSize}, which does not divide the ${inFeatures} input features of ${path}`,
      {
        module: path,
        field: 'group_size',
        found: groupSize,
        expected: `a divisor of ${inFeatures}, or -1`,
        hint: 'Choose 32, 64 or 128, or give this module a group_size of its own with `dynamic`.',
      },
    )
  }
  return {
    bits: own.bits,
    groupSize,
    scaleDtype: 'float16',
    // Zero points are written as they are until it is known whether one of them is 0.
    zeroPoints:
      !own.sym && settings.format === 'auto' ? 'gptq_v2' : settings.format === 'gptq_v2' ? 'gptq_v2' : 'gptq',
    symmetric: own.sym,
    hasGroupIndex: true,
    order: undefined,
  }
}

/** Blocks are the members of a list of modules: "model.layers.0.mlp.up_proj". */
export const inBlock = (path: string): boolean => /(^|\.)\d+\./.test(path)

const isListed = (path: string, lists: GptqSettings['modulesInBlock']): boolean =>
  lists === null || lists.flat().some((suffix) => path.endsWith(`.${suffix}`))

/** Words hold 32 bits; every reader wants rows and columns to fill them. */
export function unfitShape({ inFeatures, outFeatures }: WeightInfo, bits: number): string | undefined {
  if ((inFeatures * bits) % 32 === 0 && (outFeatures * bits) % 32 === 0) return undefined
  return `is ${outFeatures} x ${inFeatures}, which does not fill words of 32 bits with codes of ${bits}`
}
