import { execFile } from 'node:child_process'
import type { EncoderTask } from '@hfquant/models'
import { repositoryPath } from '../repository.js'

export interface PeerRequest {
  readonly model: string
  readonly sequences: readonly (readonly number[])[]
  /** Compute the logits of all sequences in one call, padded; transformers.js only. */
  readonly batched?: true
  readonly greedy?: object
  readonly texts?: readonly string[]
  /** Tokens that a context has room for; llama.cpp only. */
  readonly contextSize?: number
}

export interface PeerAnswer<Greedy> {
  readonly error?: undefined
  /** [sequence][token][id] */
  readonly logits: readonly (readonly number[])[][]
  readonly greedy: Greedy
  readonly tokenized: readonly (readonly number[])[]
}

/** Why a peer has no answer. */
export interface PeerFailure {
  readonly error: string
}

export type Peer = 'llama-cpp' | 'transformers-js' | 'pipelines'

/** A padded batch for an encoder, in the words of `@huggingface/transformers`. */
export interface EncoderRequest {
  readonly model: string
  readonly task: EncoderTask
  readonly batch: Readonly<Record<string, readonly (readonly number[])[]>>
}

/** Outputs by name, [text][token][channel] or [text][channel]. */
export type EncoderAnswer = { readonly error?: undefined } & Readonly<Record<string, readonly unknown[]>>

/**
 * Asks a library in a process of its own, which starts once for all requests. A request that ends the process fails, and
 * those behind it are asked of a new one.
 */
export const askPeer = <Greedy = unknown>(
  peer: Peer,
  requests: readonly PeerRequest[],
): Promise<readonly (PeerAnswer<Greedy> | PeerFailure)[]> => ask<PeerAnswer<Greedy>>(peer, requests)

/** The same for encoders. */
export const askForEncoders = (
  requests: readonly EncoderRequest[],
): Promise<readonly (EncoderAnswer | PeerFailure)[]> => ask<EncoderAnswer>('transformers-js', requests)

/** Calls of one pipeline of `@huggingface/transformers`. */
export interface PipelineRequest {
  readonly task: string
  readonly model: string
  readonly calls: readonly (readonly unknown[])[]
}

/** What each call gives; a tensor is { type, dims, data }. */
export interface PipelineAnswer {
  readonly error?: undefined
  readonly results: readonly unknown[]
}

export const askPipelines = (
  requests: readonly PipelineRequest[],
): Promise<readonly (PipelineAnswer | PeerFailure)[]> => ask<PipelineAnswer>('pipelines', requests)

async function ask<Answer>(
  peer: Peer,
  requests: readonly object[],
): Promise<readonly (Answer | PeerFailure)[]> {
  const answers: (Answer | PeerFailure)[] = []
  while (answers.length < requests.length) {
    const { lines, ended } = await runProgram(peer, requests.slice(answers.length))
    answers.push(...lines.map((line) => JSON.parse(line)))
    if (answers.length < requests.length) answers.push({ error: ended ?? 'the process ended' })
  }
  return answers
}

/** The answer to one request; throws where there is none. */
export async function askPeerOnce<Greedy = unknown>(
  peer: Peer,
  request: PeerRequest,
): Promise<PeerAnswer<Greedy>> {
  const [answer] = await askPeer<Greedy>(peer, [request])
  if (answer!.error === undefined) return answer as PeerAnswer<Greedy>
  throw new Error(`${peer}: ${answer!.error}`)
}

const programOf = (peer: Peer): string => repositoryPath(`apps/bench/peers/${peer}.mjs`)

/** Lines of JSON that a peer prints; a library may print others. */
function runProgram(
  peer: Peer,
  requests: readonly object[],
): Promise<{ readonly lines: readonly string[]; readonly ended: string | undefined }> {
  return new Promise((resolve) => {
    const options = { maxBuffer: 2 ** 30 }
    const child = execFile(process.execPath, [programOf(peer)], options, (error, stdout, stderr) => {
      const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
      resolve({
        lines,
        ended: error === null ? undefined : stderr.trim().split('\n').at(-1) || error.message,
      })
    })
    child.stdin!.end(JSON.stringify(requests))
  })
}
