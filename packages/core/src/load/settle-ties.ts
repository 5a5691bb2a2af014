import { type Shell, untie } from '../shell/shell.js'
import { type Checkpoint, type CheckpointTensor, storedWeight } from './checkpoint.js'
import { readBytesHere } from './read-rows.js'
import { checkpointSource } from './tensor-source.js'

/**
 * Breaks the ties that a checkpoint contradicts: it holds the alias itself, and not the same bytes. Those of a checkpoint
 * that is trusted are taken to be the same.
 *
 * @returns a warning per broken tie.
 */
export async function settleTies(shell: Shell, checkpoint: Checkpoint): Promise<string[]> {
  const warnings: string[] = []
  for (const pair of shell.ties) {
    const alias = checkpoint.tensors.get(pair.alias)
    const target = checkpoint.tensors.get(pair.target)
    const ownParts =
      storedWeight(checkpoint, pair.alias.slice(0, pair.alias.lastIndexOf('.')))?.tensors.size ?? 0
    if (ownParts === 0 || (alias !== undefined && target === undefined)) continue
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
