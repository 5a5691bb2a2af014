import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export interface PeerRequest {
  readonly model: string
  readonly sequences: readonly (readonly number[])[]
  /** Compute the logits of all sequences in one call, padded; transformers.js only. */
  readonly batched?: true
  readonly greedy?: object
  readonly texts?: readonly string[]
}

export interface PeerAnswer<Greedy> {
  /** [sequence][token][id] */
  readonly logits: readonly (readonly number[])[][]
  readonly greedy: Greedy
  readonly tokenized: readonly (readonly number[])[]
}

/** Asks a library in a process of its own. */
export async function runPeer<Greedy>(
  program: 'llama-cpp.mjs' | 'transformers-js.mjs',
  request: PeerRequest,
): Promise<PeerAnswer<Greedy>> {
  const path = fileURLToPath(new URL(program, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [path, JSON.stringify(request)], {
    maxBuffer: 2 ** 28,
  })
  return JSON.parse(stdout)
}
