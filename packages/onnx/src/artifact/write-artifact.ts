import { createHash } from 'node:crypto'
import { type FileHandle, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type ConstantTensor,
  type OnProgress,
  outputError,
  RuntimeError,
  tensorBytes,
  writeFully,
} from '@hfquant/core'
import type { ByteLocation, Graph } from '../graph/graph.js'
import { encodeModel } from '../graph/onnx-schema.js'
import { MODEL_FILE, nextPage, WEIGHTS_FILE } from './files.js'

export interface ArtifactOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
  /** Names of the two files, for programs that look for certain ones. */
  readonly files?: { readonly model: string; readonly weights: string } | undefined
}

/**
 * Writes a graph and its constants into a folder. Constants are made one behind the other, piece by piece; the
 * weights never stand in memory, and never in the protobuf, which cannot hold more than 2 GB.
 *
 * @returns the path of the model file.
 * @throws OutputError when the folder cannot be written.
 */
export async function writeArtifact(
  folder: string,
  graph: Graph,
  options: ArtifactOptions = {},
): Promise<string> {
  const { files = { model: MODEL_FILE, weights: WEIGHTS_FILE } } = options
  const locations = layout(graph.constants)
  const model = join(folder, files.model)
  const bytes = await encodeModel(graph.toModel(files.weights, locations))
  await writeFile(model, bytes).catch((cause) => {
    throw outputError(cause, model)
  })
  const path = join(folder, files.weights)
  const file = await open(path, 'w').catch((cause) => {
    throw outputError(cause, path)
  })
  try {
    await writeConstants(file, path, graph.constants, locations, options)
  } finally {
    await file.close()
  }
  return model
}

/**
 * What a graph computes, whatever its constants hold: a digest of its nodes, and of the names, dtypes and shapes of its
 * constants.
 */
export function graphDigest(graph: Graph): string {
  const model = graph.toModel(WEIGHTS_FILE, layout(graph.constants))
  return createHash('sha256').update(JSON.stringify(model)).digest('hex')
}

function layout(constants: readonly ConstantTensor[]): Map<string, ByteLocation> {
  const locations = new Map<string, ByteLocation>()
  let offset = 0
  for (const { name, dtype, shape } of constants) {
    const byteLength = tensorBytes(dtype, shape)
    locations.set(name, { offset, byteLength })
    offset = nextPage(offset + byteLength)
  }
  return locations
}

async function writeConstants(
  file: FileHandle,
  path: string,
  constants: readonly ConstantTensor[],
  locations: ReadonlyMap<string, ByteLocation>,
  { signal, onProgress }: ArtifactOptions,
): Promise<void> {
  const totalBytes = [...locations.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
  let done = 0
  let doneBytes = 0
  for (const tensor of constants) {
    signal?.throwIfAborted()
    const { offset, byteLength } = locations.get(tensor.name)!
    let written = 0
    for await (const bytes of tensor.chunks()) {
      if (written + bytes.byteLength <= byteLength) {
        await writeFully(file, bytes, offset + written, path)
      }
      written += bytes.byteLength
    }
    if (written !== byteLength) {
      throw new RuntimeError(
        'CONSTANT_SIZE',
        `constant ${tensor.name} has ${written} bytes, its shape needs ${byteLength}`,
        {
          tensor: tensor.name,
          found: written,
          expected: byteLength,
          hint: 'The lowering of this module is wrong; report it to the package that made it.',
        },
      )
    }
    done += 1
    doneBytes += byteLength
    onProgress?.({
      stage: 'compile',
      tensor: tensor.name,
      done,
      total: constants.length,
      doneBytes,
      totalBytes,
    })
  }
}
