import { createHash } from 'node:crypto'
import { read } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { type Checkpoint, CheckpointError, type CheckpointTensor } from '@hfquant/core'

/**
 * What tells one checkpoint from every other without reading it: the headers, and per file the digest that the Hugging
 * Face cache names it by, or else its size, its time of modification and a sample of its tensors. Where the files lie
 * makes no difference, so a model that is moved keeps its identity.
 *
 * A file of the same size and time with the same headers is another model only if one set out to make it so, or if an
 * archive gave all files one time: the sample is for the latter.
 */
export async function checkpointIdentity(checkpoint: Checkpoint): Promise<string> {
  const tensors = [...checkpoint.tensors.values()]
  const paths = [...new Set(tensors.map(({ file }) => file))]
  const files = await Promise.all(paths.map(fileIdentity)).catch((cause) => {
    throw new CheckpointError('FOLDER_REPLACED', `${checkpoint.path} was replaced while it was read`, {
      ...{ file: checkpoint.path, cause },
      hint: 'Load the model again once nobody writes it.',
    })
  })
  const hash = createHash('sha256').update(JSON.stringify(files))
  for (const { name, dtype, shape, file, position, byteLength } of tensors) {
    hash.update(JSON.stringify([name, dtype, shape, paths.indexOf(file), position, byteLength]))
  }
  const named = new Set(paths.filter((_, index) => 'digest' in files[index]!))
  const unnamed = tensors.filter(({ file }) => !named.has(file))
  for (const bytes of await Promise.all(evenly(unnamed, SAMPLES).map(sample))) hash.update(bytes)
  return hash.digest('hex')
}

/** Tensors that are looked at, and bytes of each. */
const SAMPLES = 256
const SAMPLE_BYTES = 4096

async function fileIdentity(path: string): Promise<{ digest: string } | { size: string; modified: string }> {
  const real = await realpath(path)
  const digest = /[\\/]blobs[\\/]([0-9a-f]{64})$/.exec(real)?.[1]
  if (digest !== undefined) return { digest }
  const { size, mtimeNs } = await stat(real, { bigint: true })
  return { size: String(size), modified: String(mtimeNs) }
}

/** At most `count` items, spread over all of them. */
const evenly = <Item>(items: readonly Item[], count: number): Item[] =>
  items.filter(
    (_, index) =>
      Math.floor((index * count) / items.length) !== Math.floor(((index - 1) * count) / items.length),
  )

/** From the middle: tensors of different models begin alike more often, with padding tokens and the like. */
async function sample({ fd, position, byteLength }: CheckpointTensor): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.min(SAMPLE_BYTES, byteLength))
  const start = position + Math.floor((byteLength - bytes.byteLength) / 2)
  const { bytesRead } = await readAt(fd, bytes, 0, bytes.byteLength, start)
  return bytes.subarray(0, bytesRead)
}

const readAt = promisify(read)
