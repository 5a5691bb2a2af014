import {
  joinPanels,
  type LevelMethod,
  type LevelTools,
  type MadeWeight,
  PANEL_ROWS,
  type SeenGroup,
  triangleRoom,
} from '@hfquant/calibrate'
import { formatSettings } from '../config/format-settings.js'
import type { GptqSettings } from '../config/settings.js'
import { layoutOf } from '../format/layout-of.js'
import { type Hessian, hessianOf } from './hessian.js'
import { packedFormat } from './pack-parts.js'
import { quantizeGroup } from './quantize-group.js'

/** Raised when the same settings come to mean other bytes. */
const REVISION = 3

/** A module that saw a smaller share of the calibration tokens is not calibrated, as in GPTQModel. */
const FEWEST_TOKENS = 0.005
/** Tokens per input feature below which the Hessian is hardly definite, and from which on it is good. */
const POOR = 2
const GOOD = 8

/** GPTQ, as a model is run through it. */
export const gptqCalibration = (settings: GptqSettings): LevelMethod => ({
  kind: 'levels',
  name: 'gptq',
  identity: identityOf(settings),
  data: { ...settings, dataset: settings.dataset! },
  sequential: settings.trueSequential,
  statistics: { momentPanelRows: PANEL_ROWS },
  level: (groups, tools) => quantizeLevel(settings, groups, tools),
  formatOf: ({ format }, parts) => packedFormat(layoutOf(format)!, parts),
})

function identityOf(settings: GptqSettings): unknown {
  const { dataset: _data, source: _source, maxHiddenBytes: _bytes, dynamic, ...plain } = settings
  return [REVISION, plain, formatSettings(settings), dynamic.map(({ pattern }) => pattern)]
}

async function* quantizeLevel(
  settings: GptqSettings,
  groups: readonly SeenGroup[],
  tools: LevelTools,
): AsyncGenerator<MadeWeight> {
  const hessians = await tools.stopwatch.measure('javascript', async () =>
    groups.map((group, index) => hessianOfGroup(group, index, tools)),
  )
  warnOfFew(groups, tools)
  for (const [index, { weights }] of groups.entries()) {
    yield* quantizeGroup(weights, hessians[index]!, { settings, ...tools })
  }
}

/** @returns why there is none. */
function hessianOfGroup(
  { width, tokens, moments }: SeenGroup,
  index: number,
  tools: LevelTools,
): Hessian | string {
  const panels = moments!.splice(0)
  if (tokens < FEWEST_TOKENS * tools.tokens) {
    return `it saw ${tokens} of ${tools.tokens} calibration tokens, expected at least ${100 * FEWEST_TOKENS} %`
  }
  const values = triangleRoom(tools.scratch, `hessian.${index}`, width)
  joinPanels(panels, width, values)
  return hessianOf(values, width, tools.sequences) ?? 'the calibration data gave it no inputs'
}

/** Says once for all experts of a layer that they saw few tokens, since they may be many. */
function warnOfFew(groups: readonly SeenGroup[], { warn }: LevelTools): void {
  const most = Math.max(...groups.map(({ tokens }) => tokens))
  const poor = groups.filter(({ width, tokens }) => tokens < POOR * width)
  const plain = poor.filter(({ tokens }) => tokens === most)
  const routed = poor.filter(({ tokens }) => tokens < most)
  for (const { weights, width } of plain) {
    const names = weights.map(({ info }) => info.path).join(', ')
    warn(`${names}: ${most} calibration tokens are few for ${width} input features; use ${GOOD * width}`)
  }
  const [first] = routed
  if (first === undefined) return
  warn(
    `${first.weights[0]!.info.path} and ${routed.length - 1} others saw few of the ${most} calibration tokens, fewer than ${POOR} for each input feature`,
  )
}
