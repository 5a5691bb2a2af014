import { type JsonObject, type SelectionOutcome, unknownKeysRemark } from '@hfquant/core'
import { isAutoRound } from '../auto-round/block.js'
import { KNOWN_KEYS } from './known-keys.js'
import { settingsFor } from './read-settings.js'
import type { GptqSettings } from './settings.js'

/** What a user should know of a config that is used all the same. */
export const remarksOn = (settings: GptqSettings, outcome: SelectionOutcome): readonly string[] =>
  settings.source === null ? remarksOnMade(settings, outcome) : remarksOnRead(settings.source)

/** AutoRound writes down all of its settings: dozens of them say how a model was made. */
const remarksOnRead = (source: JsonObject): readonly string[] =>
  isAutoRound(source) ? [] : remarksOnBlock(source)

const remarksOnBlock = (source: JsonObject): readonly string[] => [
  ...(source.sym === undefined && source.zero_point === undefined
    ? ['the config has no "sym"; taken as symmetric']
    : []),
  ...unknownKeysRemark(
    Object.fromEntries(Object.entries(source).filter(([key]) => !KNOWN_KEYS.includes(key.toLowerCase()))),
  ),
]

/** Python's readers do not all know a quantized head, and modules with settings of their own. */
function remarksOnMade(settings: GptqSettings, { quantized, head }: SelectionOutcome): readonly string[] {
  const { bits, groupSize, lmHead } = settings
  const own = quantized.find((path) => {
    const found = settingsFor(settings, path)
    return path !== head && found !== undefined && (found.bits !== bits || found.groupSize !== groupSize)
  })
  return [
    ...(lmHead
      ? [
          'transformers does not read a quantized output projection: it would put a head of random weights in its place; GPTQModel and vLLM read it',
        ]
      : []),
    ...(own === undefined
      ? []
      : [
          `transformers does not read \`dynamic\`, which has settings of its own for ${own}; GPTQModel and vLLM do`,
        ]),
  ]
}
