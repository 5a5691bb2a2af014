import type { QuantizedFormat, Skip, WeightInfo } from '../contract/format.js'
import type { FormatContext } from '../contract/quantizer.js'
import { CapabilityError } from '../errors/families.js'
import { storedWeight } from '../load/checkpoint.js'
import { savedParts } from '../shell/checkpoint-mapping.js'
import { isFloating } from '../shell/dtype.js'
import { joinPath, walkModules } from '../shell/module.js'
import {
  describeWeight,
  type ModelWeight,
  placeQuantized,
  QuantizedModule,
  tensorName,
  weightOf,
} from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import type { WeightSlot } from '../shell/weight-slot.js'
import { checkFormat } from './check-format.js'
import type { PreprocessContext, SkippedModule } from './hf-quantizer.js'
import { shareComponents, tiedPartner, tieOfAlias } from './quantized-ties.js'
import { listedReason, type SkipList } from './skip-list.js'
import { refuseSplitStacks } from './split-stacks.js'

/** Who decides about the weights of a model. */
export interface FormatRules {
  readonly quantMethod: string
  /** True when the checkpoint is quantized already. */
  readonly preQuantized: boolean
  /** True when no format has to make weights: they wait, or there are codes of them. */
  readonly defers: boolean
  /** True for a method that has a layout for weights which a file keeps in one tensor. */
  readonly stacks: boolean
  formatFor(
    weight: WeightInfo,
    context: FormatContext,
  ): QuantizedFormat | Skip | Promise<QuantizedFormat | Skip>
}

/** What became of the weights. */
export interface PlacedFormats {
  /** Paths of those that are quantized now. */
  readonly quantized: readonly string[]
  /** Those that the skip list, or the method, leaves in float. */
  readonly skipped: readonly SkippedModule[]
  /** Those that no setting quantizes. */
  readonly kept: readonly SkippedModule[]
  /** Warnings of their formats. */
  readonly remarks: readonly string[]
  /** True when the values of some weight decide about the size of its components. */
  readonly sizesVary: boolean
}

type Model = Pick<PreprocessContext, 'shell' | 'checkpoint'>

/** Puts quantized modules in the place of those that the method takes. */
export async function placeFormats(
  { shell, checkpoint }: Model,
  candidates: readonly ModelWeight[],
  skips: SkipList,
  rules: FormatRules,
): Promise<PlacedFormats> {
  const quantized: string[] = []
  const skipped: SkippedModule[] = []
  const kept: SkippedModule[] = []
  const remarks: string[] = []
  let sizesVary = false
  for (const candidate of candidates) {
    const weight = describeWeight(candidate)
    const { path } = weight
    const obstacle = obstacleOf(candidate.slot, rules)
    if (obstacle !== undefined) {
      kept.push({ module: path, reason: obstacle })
      continue
    }
    if (tieOfAlias(shell, tensorName(candidate)) !== undefined) continue
    const choice = await chooseFormat(weight, { shell, checkpoint }, listedReason(shell, skips, path), rules)
    if ('skip' in choice) {
      skipped.push({ module: path, reason: choice.skip })
    } else {
      placeQuantized(shell.root, new QuantizedModule(weight, choice, candidate))
      quantized.push(path)
      remarks.push(...(choice.warnings ?? []))
      sizesVary ||= choice.sizesDependOnValues ?? false
    }
  }
  refuseSplitStacks(shell, quantized, skipped)
  for (const candidate of candidates) {
    const { path } = describeWeight(candidate)
    const pair = tieOfAlias(shell, tensorName(candidate))
    if (pair === undefined) continue
    if (shareComponents(shell, pair)) quantized.push(path)
    else skipped.push({ module: path, reason: reasonOfAlias(shell, skips, path, rules) })
  }
  return { quantized, skipped, kept, remarks, sizesVary }
}

/**
 * Every weight that may be quantized: linear ones, and the embeddings that a config names or a checkpoint has quantized.
 *
 * @param isNamed whether the config names the embedding at a path.
 */
export const candidateWeights = (
  { shell, checkpoint }: Model,
  isNamed: (path: string) => boolean,
  preQuantized: boolean,
): readonly ModelWeight[] =>
  [...walkModules(shell.root)]
    .flatMap(([path, module]) => weightOf(path, module) ?? [])
    .filter(
      ({ slot, modulePath }) =>
        slot.kind !== 'embedding' ||
        isNamed(modulePath) ||
        (preQuantized && !isPlain(storedWeight(checkpoint, modulePath))),
    )

/** Why no setting quantizes a weight. */
function obstacleOf(
  { quantizable, stacked }: WeightSlot,
  { stacks, quantMethod }: FormatRules,
): string | undefined {
  if (!quantizable) return ALWAYS_FLOAT
  if (!stacked || stacks) return undefined
  return `is kept in one tensor with others, for which ${quantMethod} has no layout`
}

const ALWAYS_FLOAT = 'stays in float with every method'

async function chooseFormat(
  weight: WeightInfo,
  { shell, checkpoint }: Model,
  listed: string | undefined,
  rules: FormatRules,
): Promise<QuantizedFormat | Skip> {
  const { preQuantized } = rules
  if (listed !== undefined && !preQuantized) return { skip: listed }
  const stored = storedWeight(checkpoint, weight.path)
  if (preQuantized && isPlain(stored)) return { skip: listed ?? 'is stored in float' }
  const context = {
    ...{ stored, metadata: checkpoint.metadata, preQuantized, listed },
    keepsElsewhere: (key: string) =>
      savedParts(shell.checkpoint ?? [], joinPath(weight.path, key), [1]) !== undefined,
  }
  const choice = await rules.formatFor(weight, context)
  checkFormat(choice, weight, rules.quantMethod)
  const isMade = preQuantized || rules.defers || 'skip' in choice
  if (!isMade && !choice.quantize && !choice.quantizeKernel) {
    throw new CapabilityError(
      'FORMAT_LOAD_ONLY',
      `${choice.name} can be loaded, but not made from float weights (${weight.path})`,
      {
        module: weight.path,
        hint: 'Choose another recipe, or load a checkpoint that is quantized already.',
      },
    )
  }
  return choice
}

/** A float weight alone: the tensors say that the module was left out. */
const isPlain = (stored: FormatContext['stored']): boolean => {
  if (stored === undefined) return true
  const weight = stored.tensors.get('weight')
  const others = [...stored.tensors.keys()].filter((key) => key !== 'weight' && key !== 'bias')
  return weight !== undefined && isFloating(weight.dtype) && others.length === 0
}

function reasonOfAlias(shell: Shell, skips: SkipList, path: string, { preQuantized }: FormatRules): string {
  const listed = listedReason(shell, skips, path)
  if (listed !== undefined) return listed
  return preQuantized ? 'is stored in float' : `shares its weight with ${tiedPartner(shell, path)}`
}
