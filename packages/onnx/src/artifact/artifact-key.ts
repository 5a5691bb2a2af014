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
const REVISION = 5

/**
 * What the bytes of a compiled model depend on and is known before a weight is read, as one digest: the code, the
 * configuration, the runtime, and the processor, for whose kernels the weights are packed.
 *
 * @param graph what the code makes of the checkpoint's headers. What it makes of the tensors may be another graph; code
 * that changes that one alone raises the revision of its method.
 * @param subject what else decides how the constants of the graph are made, as JSON: the configuration.
 */
export function artifactFacts(graph: Graph, subject: unknown): string {
  const { platform, arch } = process
  return digest([REVISION, ...versions(), platform, arch, describeProcessor(), graphDigest(graph), subject])
}

/**
 * The name of a compiled model, which begins alike for all with the same facts.
 *
 * @param contents what tells one checkpoint from every other with the same headers.
 */
export const artifactKey = (facts: string, contents: string): string =>
  (artifactPrefix(facts) + digest([facts, contents])).slice(0, 32)

/** What the names of all compiled models with these facts begin with. */
export const artifactPrefix = (facts: string): string => facts.slice(0, 8)

const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex')

function versions(): string[] {
  const own = dirname(installedFile('@hfquant/onnx/session-worker', import.meta.url))
  const require = createRequire(import.meta.url)
  return [join(own, '..', 'package.json'), 'onnxruntime-node/package.json'].map(
    (manifest) => (require(manifest) as { version: string }).version,
  )
}
