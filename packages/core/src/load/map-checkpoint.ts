import { CheckpointError } from '../errors/families.js'
import { describeTensor } from '../report/loading-report.js'
import {
  type CheckpointMapping,
  cutsOf,
  isMerging,
  isStacking,
  matchRule,
  memberName,
  type RuleMatch,
  sharesOf,
} from '../shell/checkpoint-mapping.js'
import { duplicateTensor } from './adjust-checkpoint.js'
import type { Checkpoint, CheckpointTensor } from './checkpoint.js'

type Member = RuleMatch & { readonly tensor: CheckpointTensor }

/**
 * The checkpoint under the names of the model, decided from headers alone: tensors that are one in the model are ranges of
 * the files one behind the other. The same object when no rule fits.
 *
 * @throws CheckpointError TENSOR_DUPLICATE, TENSOR_MISSING for an incomplete row of numbers or shares, TENSOR_MISMATCH for
 * tensors that are one and differ in shape or dtype.
 */
export function mapCheckpoint(checkpoint: Checkpoint, mapping: CheckpointMapping): Checkpoint {
  const tensors = new Map<string, CheckpointTensor>()
  const merging = new Map<string, Member[]>()
  const add = (name: string, tensor: CheckpointTensor) => {
    const other = tensors.get(name)
    if (other !== undefined) throw duplicateTensor(name, other, tensor)
    tensors.set(name, tensor)
  }
  let isMapped = false
  for (const [name, tensor] of checkpoint.tensors) {
    const cut = cutTensor(tensor, cutsOf(mapping, name))
    if (cut !== undefined) {
      isMapped = true
      for (const part of cut) add(part.name, part)
      continue
    }
    const match = matchRule(mapping, name)
    isMapped ||= match !== undefined
    if (match === undefined || !isMerging(match.rule)) {
      add(match?.target ?? name, tensor)
      continue
    }
    const members = merging.get(match.target) ?? []
    members.push({ ...match, tensor })
    merging.set(match.target, members)
  }
  if (!isMapped) return checkpoint
  for (const [name, members] of merging) add(name, merge(name, members, mapping, checkpoint))
  return { ...checkpoint, tensors }
}

/** More experts than any model has in a layer. */
const MAX_NUMBERS = 2 ** 14

/** Several tensors of one; undefined for one that no rule cuts, or that cannot be cut so. */
function cutTensor(
  tensor: CheckpointTensor,
  rules: readonly RuleMatch[],
): readonly CheckpointTensor[] | undefined {
  const [numbers = 0, rows, ...rest] = tensor.shape
  const isCuttable = numbers > 0 && numbers <= MAX_NUMBERS && rows !== undefined && tensor.byteLength > 0
  if (rules.length === 0 || !isCuttable || rows % rules.length !== 0) return undefined
  const shape = [rows / rules.length, ...rest]
  const byteLength = tensor.byteLength / (numbers * rules.length)
  const { contiguous } = tensor
  const partOf = (whole: CheckpointTensor, name: string, index: number): CheckpointTensor => ({
    ...{ name, shape, byteLength, dtype: whole.dtype, file: whole.file, fd: whole.fd },
    position: whole.position + index * byteLength,
  })
  return Array.from({ length: numbers }, (_, number) =>
    rules.map(({ target }, share) => {
      const name = target.replace('*', String(number))
      const index = number * rules.length + share
      const part = partOf(tensor, name, index)
      if (contiguous === undefined) return part
      return {
        ...part,
        contiguous: async (signal?: AbortSignal) => partOf(await contiguous(signal), name, index),
      }
    }),
  ).flat()
}

/** One tensor of several: those of a number in the order of their shares, number after number. */
function merge(
  name: string,
  members: readonly Member[],
  mapping: CheckpointMapping,
  checkpoint: Checkpoint,
): CheckpointTensor {
  const [first] = members as [Member, ...Member[]]
  const { rule, prefix } = first
  const shares = sharesOf(mapping, rule.to)
  const byName = new Map(
    members.map(({ tensor, rule: own, number }) => [memberName(own, prefix, number), tensor]),
  )
  const numbers = Math.ceil(members.length / shares.length)
  const parts = Array.from({ length: numbers }, (_, number) =>
    shares.map((share) => {
      const wanted = memberName(share, prefix, number)
      const found = byName.get(wanted)
      if (found === undefined) throw lacking(wanted, name, checkpoint)
      return alike(found, first.tensor)
    }),
  ).flat()
  const [rows = 1, ...rest] = first.tensor.shape
  const merged: CheckpointTensor = {
    name,
    dtype: first.tensor.dtype,
    shape: [...(isStacking(rule) ? [numbers] : []), rows * shares.length, ...rest],
    file: first.tensor.file,
    ...{ fd: -1, position: 0, parts },
    byteLength: parts.reduce((sum, { byteLength }) => sum + byteLength, 0),
  }
  if (parts.every(({ contiguous }) => contiguous === undefined)) return merged
  const contiguous = async (signal?: AbortSignal) => {
    const settled: CheckpointTensor[] = []
    for (const part of parts) settled.push((await part.contiguous?.(signal)) ?? part)
    return { ...merged, parts: settled }
  }
  return { ...merged, contiguous }
}

function alike(tensor: CheckpointTensor, first: CheckpointTensor): CheckpointTensor {
  const [found, expected] = [describeTensor(tensor), describeTensor(first)]
  if (found === expected) return tensor
  throw new CheckpointError(
    'TENSOR_MISMATCH',
    `"${tensor.name}" in ${tensor.file} is ${found}, "${first.name}" is ${expected}: they belong to one tensor`,
    {
      ...{ tensor: tensor.name, file: tensor.file, found, expected },
      hint: 'The checkpoint mixes two models; take its files from one revision.',
    },
  )
}

const lacking = (wanted: string, name: string, { folder, files }: Checkpoint): CheckpointError =>
  new CheckpointError(
    'TENSOR_MISSING',
    `${folder} (${files.join(', ')}) lacks "${wanted}", a part of "${name}"`,
    {
      tensor: wanted,
      file: folder,
      hint: 'The download may be incomplete, or config.json describes another model.',
    },
  )
