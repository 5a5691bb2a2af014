import {
  type BlockMethod,
  type LevelTools,
  type MadeWeight,
  readWeight,
  roundToParts,
  type SeenBlock,
} from '@hfquant/calibrate'
import { formatSettings } from '../config/format-settings.js'
import type { AwqSettings } from '../config/settings.js'
import { clipWeight } from './clip.js'
import { foldFloats, foldWeight, weightScales } from './fold.js'
import { inRow, observeBlock, type SearchRules } from './observe-block.js'
import { pairsOf } from './pairs.js'

/** Raised when the same settings come to mean other bytes. */
const REVISION = 1

/** AWQ, as a model is run through it. */
export const awqCalibration = (settings: AwqSettings): BlockMethod => ({
  kind: 'blocks',
  name: 'awq',
  identity: identityOf(settings),
  data: { ...settings, dataset: settings.dataset! },
  block: (block, tools) => makeBlock(settings, block, tools),
  formatOf: ({ format }) => format,
})

function identityOf(settings: AwqSettings): unknown {
  const { dataset: _data, others: _others, maxHiddenBytes: _bytes, ...plain } = settings
  return [REVISION, plain, formatSettings(settings)]
}

async function* makeBlock(
  settings: AwqSettings,
  block: SeenBlock,
  tools: LevelTools,
): AsyncGenerator<MadeWeight> {
  const { groupSize, referenceRange: reference, clip } = settings
  const rules: SearchRules = {
    ...{ groupSize, reference, identity: true, duo: true, clip: clip ?? isClipWorth(groupSize) },
  }
  const { scales, moments, met } = await observeBlock(block, pairsOf(block), rules, tools)
  await foldFloats(scales, block.floats)
  const { inputs, outputs } = weightScales(scales)
  for (const weight of block.weights) {
    tools.signal?.throwIfAborted()
    const { path, inFeatures } = weight.info
    const values = await readWeight(weight, tools.scratch, tools)
    const scale = inputs.get(path)
    foldWeight(values, scale, outputs.get(path))
    const seen = moments.get(path)
    if (seen !== undefined) {
      await clipWeight(values, { moments: seen, scale }, inRow(rules, inFeatures), tools)
    }
    const rounded = met.has(path) ? undefined : 'none of the calibration tokens came to it'
    yield { weight, parts: roundToParts(weight, values), figures: undefined, rounded }
  }
}

/** Bounds shrink the largest weights of small groups, all in one direction: what that loses adds up. */
const isClipWorth = (groupSize: number): boolean => groupSize === -1 || groupSize >= 128
