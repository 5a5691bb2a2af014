import { ownerPath } from '../shell/join-path.js'
import { type Shell, tie, untie } from '../shell/shell.js'
import { type Checkpoint, type CheckpointTensor, storedWeight } from './checkpoint.js'
import { readBytesHere } from './read-rows.js'
import { checkpointSource } from './tensor-source.js'

/**
 * Makes the ties that a checkpoint implies: it holds the target only. Breaks those that it contradicts: it holds the alias
 * itself, and not the same bytes. Those of a checkpoint that is trusted are taken to be the same.
 *
 * @returns a warning per broken tie.
 */
export async function settleTies(shell: Shell, checkpoint: Checkpoint): Promise<string[]> {
  for (const pair of shell.impliedTies ?? []) {
    if (partsOf(checkpoint, pair.alias) === 0 && partsOf(checkpoint, pair.target) > 0) tie(shell, pair)
  }
  const warnings: string[] = []
  for (const pair of shell.ties) {
    const alias = checkpoint.tensors.get(pair.alias)
    const target = checkpoint.tensors.get(pair.target)
    if (partsOf(checkpoint, pair.alias) === 0 || (alias !== undefined && target === undefined)) continue
    if (alias !== undefined && target !== undefined) {
      if (checkpoint.trusted || (await sameBytes(alias, target))) continue
    }
    untie(shell, pair)
    warnings.push(
      `${pair.alias} is stored apart from ${pair.target}: they are not tied, although the config says so`,
    )
  }
  return warnings
}

/** How many tensors hold the weight of the module of a parameter. A bias is its own, whatever the weight is tied to. */
const partsOf = (checkpoint: Checkpoint, parameter: string): number =>
  [...(storedWeight(checkpoint, ownerPath(parameter))?.tensors.keys() ?? [])].filter((key) => key !== 'bias')
    .length

const PIECE_BYTES = 8 * 2 ** 20

async function sameBytes(first: CheckpointTensor, second: CheckpointTensor): Promise<boolean> {
  if (first.dtype !== second.dtype || first.byteLength !== second.byteLength) return false
  const [left, right] = [(await first.contiguous?.()) ?? first, (await second.contiguous?.()) ?? second]
  // A pickled checkpoint stores what a tie shares once.
  if (left.parts === undefined && left.fd === right.fd && left.position === right.position) return true
  for (let offset = 0; offset < left.byteLength; offset += PIECE_BYTES) {
    const byteLength = Math.min(PIECE_BYTES, left.byteLength - offset)
    const [a, b] = await Promise.all(
      [left, right].map((tensor) => readBytesHere(checkpointSource(tensor), offset, byteLength)),
    )
    if (Buffer.compare(a!, b!) !== 0) return false
  }
  return true
}
