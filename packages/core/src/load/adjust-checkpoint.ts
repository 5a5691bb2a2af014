import { CheckpointError } from '../errors/families.js'
import { type Shell, untie } from '../shell/shell.js'
import type { Checkpoint, CheckpointTensor } from './checkpoint.js'

/**
 * The checkpoint with every tensor under another name, without those that get none; the same object when no name changes.
 *
 * @throws CheckpointError TENSOR_DUPLICATE when two tensors get the same name.
 */
export function renameTensors(
  checkpoint: Checkpoint,
  rename: (name: string) => string | undefined,
): Checkpoint {
  const entries = [...checkpoint.tensors].map(([name, tensor]) => [rename(name), tensor] as const)
  if (entries.every(([name, tensor]) => name !== undefined && checkpoint.tensors.get(name) === tensor))
    return checkpoint
  const tensors = new Map<string, CheckpointTensor>()
  for (const [name, tensor] of entries) {
    if (name === undefined) continue
    const other = tensors.get(name)
    if (other !== undefined) throw duplicateTensor(name, other, tensor)
    tensors.set(name, tensor)
  }
  return { ...checkpoint, tensors }
}

export const duplicateTensor = (name: string, first: CheckpointTensor, second: CheckpointTensor) =>
  new CheckpointError('TENSOR_DUPLICATE', `"${first.name}" and "${second.name}" are both "${name}"`, {
    tensor: name,
    file: second.file,
    hint: 'The checkpoint mixes two layouts; take its files from one revision.',
  })

/** Breaks every tie of the shell: each alias begins as a copy of its target. */
export function untieEmbeddings(shell: Shell, checkpoint: Checkpoint): Checkpoint {
  const tensors = new Map(checkpoint.tensors)
  for (const pair of shell.ties) {
    untie(shell, pair)
    const source = tensors.get(pair.target)
    if (source !== undefined && !tensors.has(pair.alias)) tensors.set(pair.alias, source)
  }
  return { ...checkpoint, tensors }
}
