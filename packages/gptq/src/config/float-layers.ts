import { CapabilityError, type SelectionOutcome } from '@hfquant/core'
import { matchingRule, readDynamicRules } from './dynamic-rules.js'
import type { GptqSettings } from './settings.js'

/** What became of the layers of a model. */
type LayerPaths = Pick<SelectionOutcome, 'quantized' | 'float'>

/**
 * The settings with the layers of the blocks that stay in float, in both spellings that are in use: transformers goes by
 * `modules_in_block_to_quantize`, GPTQModel and vLLM by the excluding rules of `dynamic`, and each passes over the other
 * key. A reader that is not told makes quantized layers of all.
 */
export function stateFloatLayers(settings: GptqSettings, { quantized, float }: LayerPaths): GptqSettings {
  const left = float.map(positionInBlock).filter((position) => position !== undefined)
  if (left.length === 0) return settings
  const excluded = new Set<string>()
  for (const { path, pattern } of left) {
    if (matchingRule(settings.dynamic, path)?.excludes !== true) excluded.add(`-:${pattern}$`)
  }
  const rules = readDynamicRules(Object.fromEntries([...excluded].map((pattern) => [pattern, {}])))
  const positions = quantized.map(positionInBlock).filter((position) => position !== undefined)
  const listed = settings.modulesInBlock
  const isExact = listed !== null && float.every((path) => !isListed(path, listed))
  return {
    ...settings,
    dynamic: [...rules, ...settings.dynamic],
    modulesInBlock: isExact ? listed : [[...new Set(positions.map(({ suffix }) => suffix))]],
  }
}

/**
 * @throws CapabilityError LAYERS_UNSAYABLE when a layer is in float in some blocks only: a list of modules holds for every
 * block, so that transformers has no way to be told.
 */
export function refuseMixedBlocks({ quantized, float }: LayerPaths): void {
  const suffixes = quantized.flatMap((path) => positionInBlock(path)?.suffix ?? [])
  const lists = [[...new Set(suffixes)]]
  const mixed = float.find((path) => positionInBlock(path) !== undefined && isListed(path, lists))
  if (mixed === undefined) return
  const { suffix } = positionInBlock(mixed)!
  throw new CapabilityError(
    'LAYERS_UNSAYABLE',
    `${mixed} stays in float, and ${suffix} of other blocks is quantized: transformers cannot be told so, and would not load the model`,
    {
      module: mixed,
      hint: `Leave ${suffix} in float in every block ("-:.*${suffix.replaceAll('.', '\\\\.')}" in \`dynamic\`), or quantize it in every block.`,
    },
  )
}

/** A loader of transformers looks at the end of the name alone. */
const isListed = (path: string, lists: readonly (readonly string[])[]): boolean =>
  lists.flat().some((suffix) => path.endsWith(suffix))

interface Position {
  readonly path: string
  /** What the module is called in every block: "mlp.up_proj". */
  readonly suffix: string
  /** Expression for it in all blocks: "model\\.layers\\.\\d+\\.mlp\\.up_proj". */
  readonly pattern: string
}

/** Blocks are the members of a list: "model.layers.0.mlp.up_proj". Undefined for a module outside of them. */
function positionInBlock(path: string): Position | undefined {
  const segments = path.split('.')
  const index = segments.findIndex((segment) => /^\d+$/.test(segment))
  if (index < 0 || index === segments.length - 1) return undefined
  const pattern = segments.map((segment, at) => (at === index ? '\\d+' : escapeSyntax(segment))).join('\\.')
  return { path, suffix: segments.slice(index + 1).join('.'), pattern }
}

const escapeSyntax = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
