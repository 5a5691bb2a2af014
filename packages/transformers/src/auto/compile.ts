import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder, type OnProgress, outputError, type Shell } from '@hfquant/core'
import { type Compute, createGraph, type DecoderSession, openSession, writeArtifact } from '@hfquant/onnx'
import type { Architecture, DecoderConfig } from '../models/architecture.js'

export interface CompileOptions {
  readonly compute: Compute
  readonly memory: 'auto' | 'low'
  readonly threads: number | undefined
  /** Ends the compilation between two weights. */
  readonly signal: AbortSignal
  readonly onProgress: OnProgress | undefined
}

/**
 * Lowers a filled shell to a graph and opens it. The files are removed once the runtime has mapped them.
 *
 * @throws OutputError when the cache folder cannot be written; RuntimeError when the runtime refuses the graph.
 */
export async function compile(
  architecture: Architecture,
  shell: Shell,
  config: DecoderConfig,
  { compute, memory, threads, signal, onProgress }: CompileOptions,
): Promise<DecoderSession> {
  const graph = createGraph(architecture.name)
  architecture.lower(shell, config, { graph, compute, memory })
  const folder = join(cacheFolder(), `graph-${process.pid}-${randomUUID()}`)
  await mkdir(folder, { recursive: true }).catch((cause) => {
    throw outputError(cause, folder)
  })
  try {
    const modelPath = await writeArtifact(folder, graph, { signal, onProgress })
    return await openSession({ modelPath, cache: config.cache, threads })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
