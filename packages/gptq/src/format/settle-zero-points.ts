import type { PlacedWeight } from '@hfquant/core'
import { gptqFormat } from './gptq-format.js'
import { int32s } from './int32s.js'
import { type GptqLayout, groupCount } from './layout.js'
import { layoutOf } from './layout-of.js'
import { packZeroPoints, unpackZeroPoints, type ZeroPointFormat } from './zero-points.js'

/**
 * Decides how zero points are stored once all of them are known: as v1, which every reader knows, unless one of them is 0.
 * Until then they lie in the files as they are.
 */
export async function settleZeroPoints(
  format: ZeroPointFormat | 'auto',
  weights: readonly PlacedWeight[],
): Promise<ZeroPointFormat> {
  if (format !== 'auto') return format
  const own = weights.filter((weight) => layoutOf(weight.format) !== undefined)
  const pending = own.filter((weight) => layoutOf(weight.format)!.zeroPoints === 'gptq_v2')
  for (const weight of pending) {
    if ((await zeroPointsOf(weight)).includes(0)) return settle(own, 'gptq_v2')
  }
  return settle(own, 'gptq')
}

async function settle(weights: readonly PlacedWeight[], format: ZeroPointFormat): Promise<ZeroPointFormat> {
  for (const weight of weights) {
    const layout = layoutOf(weight.format)!
    if (layout.zeroPoints === format) continue
    const zeros = await zeroPointsOf(weight)
    const { outFeatures } = weight.info
    const words = packZeroPoints(zeros, groupsOf(weight, layout), outFeatures, layout.bits, format)
    await weight.write('qzeros', new Uint8Array(words.buffer))
    weight.reformat(gptqFormat({ layout: { ...layout, zeroPoints: format } }))
  }
  return format
}

async function zeroPointsOf(weight: PlacedWeight): Promise<Uint8Array> {
  const layout = layoutOf(weight.format)!
  return unpackZeroPoints(
    int32s(await weight.read('qzeros')),
    groupsOf(weight, layout),
    weight.info.outFeatures,
    layout.bits,
    layout.zeroPoints,
  )
}

const groupsOf = ({ info }: PlacedWeight, { groupSize }: GptqLayout): number =>
  groupCount(info.inFeatures, groupSize)
