import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { installedFile } from '@hfquant/kernels'
import type { Graph } from '../graph/graph.js'
import { describeProcessor } from '../processor.js'
import { graphDigest } from './write-artifact.js'

/**
 * Raised when the same graph of the same checkpoint comes to hold other constants, or when files are laid out in another
 * way. What changes the graph as headers alone tell it needs no new number: its digest is part of the key.
 */
const REVISION = 4

/**
 * The name of a compiled model: it follows from everything that its bytes depend on. Those are the code, the checkpoint
 * and its configuration, the runtime, and the processor, for whose kernels the weights are packed.
 *
 * @param graph what the code makes of the checkpoint's headers. What it makes of the tensors may be another graph; code
 * that changes that one alone raises the revision of its method.
 * @param subject what the constants of the graph are made from, as JSON: the checkpoint, the configuration.
 */
export function artifactKey(graph: Graph, subject: unknown): string {
  const { platform, arch } = process
  const facts = [REVISION, ...versions(), platform, arch, describeProcessor(), graphDigest(graph), subject]
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32)
}

function versions(): string[] {
  const own = dirname(installedFile('@hfquant/onnx/session-worker', import.meta.url))
  const require = createRequire(import.meta.url)
  return [join(own, '..', 'package.json'), 'onnxruntime-node/package.json'].map(
    (manifest) => (require(manifest) as { version: string }).version,
  )
}
