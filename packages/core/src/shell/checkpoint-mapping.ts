/**
 * How one tensor of a file belongs to one of the model, whose names differ.
 *
 * A rule that only renames reads an older spelling, and is not used for saving. A rule that puts several tensors into one,
 * or cuts one into several, works both ways: the model is saved in the tensors that it was read from.
 */
export interface CheckpointRule {
  /**
   * Name in the file, from its beginning or behind any dot: "experts.*.up_proj.weight", where "*" is a number. One that
   * ends in a dot is the beginning of names: "transformer.h.".
   */
  readonly from: string
  /**
   * Name in the model, in the same place. Without the "*" of `from`, the tensors of all numbers are one, and the numbers
   * are its first axis. With a "*" that `from` lacks, the first axis of the file's tensor is the numbers.
   */
  readonly to: string
  /** The tensor is a share of the rows, such as the first half, and other rules name the other shares. */
  readonly part?: `rows ${number}/${number}`
  /** Another layout that is read, and not used for saving. */
  readonly readOnly?: true
}

/** The first rule that fits a name counts. */
export type CheckpointMapping = readonly CheckpointRule[]

/** What a rule says about one name. */
export interface RuleMatch {
  readonly rule: CheckpointRule
  /** Name in the model. */
  readonly target: string
  /** What stands before the names of the rule. */
  readonly prefix: string
  /** What "*" stands for; 0 without one. */
  readonly number: number
}

export function matchRule(mapping: CheckpointMapping, name: string): RuleMatch | undefined {
  for (const rule of mapping) {
    if (isCutting(rule)) continue
    const { from, to } = rule
    if (from.endsWith('.')) {
      if (!name.startsWith(from)) continue
      return { rule, target: to + name.slice(from.length), prefix: '', number: 0 }
    }
    const found = patternOf(from).exec(name)
    if (found === null) continue
    const [, prefix = '', number = '0'] = found
    return { rule, target: prefix + to.replace('*', number), prefix, number: Number(number) }
  }
  return undefined
}

/** True for a rule by which several tensors are one. */
export const isMerging = (rule: CheckpointRule): boolean =>
  !isCutting(rule) && (isStacking(rule) || rule.part !== undefined)

/** True for a rule by which numbers become an axis. */
export const isStacking = ({ from, to }: CheckpointRule): boolean => from.includes('*') && !to.includes('*')

/** True for a rule by which an axis becomes numbers. */
const isCutting = ({ from, to }: CheckpointRule): boolean => to.includes('*') && !from.includes('*')

/** The rules by which a tensor of a file is cut into several of the model, in the order of their shares. */
export function cutsOf(mapping: CheckpointMapping, name: string): readonly RuleMatch[] {
  const found = mapping.flatMap((rule) => {
    const [, prefix] = isCutting(rule) ? (patternOf(rule.from).exec(name) ?? []) : []
    return prefix === undefined ? [] : [{ rule, target: prefix + rule.to, prefix, number: 0 }]
  })
  return found.sort((one, other) => shareOf(one.rule)[0] - shareOf(other.rule)[0])
}

/** Where a tensor of the model stands in the one that a file keeps it in; undefined for one that is kept by itself. */
export function savedCut(
  mapping: CheckpointMapping,
  name: string,
):
  | { readonly name: string; readonly number: number; readonly share: number; readonly shares: number }
  | undefined {
  for (const rule of mapping) {
    if (!isCutting(rule) || rule.readOnly) continue
    const found = patternOf(rule.to).exec(name)
    if (found === null) continue
    const [, prefix = '', number] = found
    const [share, shares] = shareOf(rule)
    return { name: prefix + rule.from, number: Number(number), share, shares }
  }
  return undefined
}

/**
 * How the components of weights that are kept in one tensor are kept: those called "blocks" of the weights in a tensor
 * "experts.up_proj" are the tensor "experts.up_proj_blocks". A component called "weight" takes the tensor's own name, and
 * "weight_scale" follows it.
 */
export const componentRules = (mapping: CheckpointMapping, keys: readonly string[]): CheckpointMapping =>
  mapping
    .filter((rule) => isCutting(rule) && !rule.readOnly && rule.to.endsWith('.weight'))
    .flatMap((rule) =>
      keys
        // It goes by the rule itself.
        .filter((key) => key !== 'weight')
        .map((key) => ({
          ...rule,
          from: `${rule.from}_${key.replace(/^weight_/, '')}`,
          to: rule.to.slice(0, -'weight'.length) + key,
        })),
    )

/** Index and number of the shares, counted from 0. */
function shareOf({ part }: CheckpointRule): readonly [index: number, of: number] {
  const [index = 1, of = 1] = part?.match(/\d+/g)?.map(Number) ?? []
  return [index - 1, of]
}

/** The name in the file of one of the tensors that are one. */
export const memberName = ({ from }: CheckpointRule, prefix: string, number: number): string =>
  prefix + from.replace('*', String(number))

/** The rules that together make a tensor of the model, in the order of their shares. */
export const sharesOf = (mapping: CheckpointMapping, to: string): readonly CheckpointRule[] =>
  mapping
    .filter((rule) => rule.to === to && isMerging(rule))
    .sort((one, other) => shareOf(one)[0] - shareOf(other)[0])

/** The tensors that a file keeps a tensor of the model as, one behind the other; undefined for one of the same name. */
export function savedParts(
  mapping: CheckpointMapping,
  name: string,
  shape: readonly number[],
): readonly { readonly name: string; readonly shape: readonly number[] }[] | undefined {
  const rule = mapping.find((each) => isMerging(each) && `.${name}`.endsWith(`.${each.to}`))
  if (rule === undefined) return undefined
  const prefix = name.slice(0, name.length - rule.to.length)
  const shares = sharesOf(mapping, rule.to)
  const [numbers, [rows = 1, ...rest]] = isStacking(rule) ? [shape[0]!, shape.slice(1)] : [1, shape]
  return Array.from({ length: numbers }, (_, number) =>
    shares.map((share) => ({
      name: memberName(share, prefix, number),
      shape: [rows / shares.length, ...rest],
    })),
  ).flat()
}

/** Rules are a few, and tensors of a mixture tens of thousands. */
const patterns = new Map<string, RegExp>()

function patternOf(name: string): RegExp {
  const known = patterns.get(name)
  if (known !== undefined) return known
  const parts = name.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const pattern = new RegExp(`^(|.*\\.)${parts.join('(0|[1-9][0-9]{0,8})')}$`)
  patterns.set(name, pattern)
  return pattern
}
