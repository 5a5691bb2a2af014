import { type Shell, untie } from '../shell/shell.js'
import type { Checkpoint } from './checkpoint.js'

/** The checkpoint with every tensor under another name; the same object when no name changes. */
export function renameTensors(checkpoint: Checkpoint, rename: (name: string) => string): Checkpoint {
  const entries = [...checkpoint.tensors].map(([name, tensor]) => [rename(name), tensor] as const)
  if (entries.every(([name, tensor]) => checkpoint.tensors.get(name) === tensor)) return checkpoint
  return { ...checkpoint, tensors: new Map(entries) }
}

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
