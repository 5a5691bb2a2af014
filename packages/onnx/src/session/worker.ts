import { parentPort } from 'node:worker_threads'
import { type Decoder, openDecoder } from './decoder.js'
import { toErrorRecord } from './error-record.js'
import { type GraphRunner, openGraphRunner } from './graph-runner.js'
import { prepack } from './prepack.js'
import type { Answer, CacheBytes, Call, CountersMessage, Reply, Request } from './protocol.js'
import { createReadAhead } from './read-ahead.js'
import { createScheduler, type Scheduler } from './scheduler.js'

/** Runs a session, and the next one once it is closed, on a thread of its own: the runtime blocks the thread that calls it. */

const port = parentPort!
let decoder: Decoder | undefined
let scheduler: Scheduler | undefined
let runner: GraphRunner | undefined

port.on('message', (call: Call) => {
  // What concerns sequences is put in order by the scheduler; everything else is answered one after the other.
  if (SEQUENCE_CALLS.has(call.request.kind)) void answer(call)
  else queue = queue.then(() => answer(call))
})

const SEQUENCE_CALLS: ReadonlySet<Request['kind']> = new Set([
  ...(['next', 'admit', 'score'] as const),
  ...(['free', 'cacheBytes'] as const),
])

let queue: Promise<void> = Promise.resolve()

async function answer({ id, request }: Call): Promise<void> {
  try {
    const result = await handle(request)
    reply({ id, answer: result }, buffersOf(result))
  } catch (error) {
    reply({ id, error: toErrorRecord(error) })
  }
}

/** What is handed over instead of copied. Sums share one buffer, which can be handed over only once. */
function buffersOf(answer: Answer): ArrayBuffer[] {
  if ('logits' in answer) return [answer.logits.buffer as ArrayBuffer]
  if (!('tensors' in answer)) return []
  return [...new Set(Object.values(answer.tensors).map(({ data }) => data.buffer as ArrayBuffer))]
}

const outbox: { replies: Reply[]; transfer: ArrayBuffer[] } = { replies: [], transfer: [] }

/** Replies of one turn leave together, so that those who share a run also ask for their next token together. */
function reply(message: Reply, transfer: ArrayBuffer[] = []): void {
  if (outbox.replies.length === 0) setImmediate(post)
  outbox.replies.push(message)
  outbox.transfer.push(...transfer)
}

function post(): void {
  const { replies, transfer } = outbox
  if (replies.length === 0) return
  port.postMessage(replies, transfer)
  outbox.replies = []
  outbox.transfer = []
}

async function handle(request: Request): Promise<Answer> {
  switch (request.kind) {
    case 'open':
      return open(request)
    case 'prepack':
      await prepack(request.modelPath, request.target, request.threads)
      return DONE
    case 'forward':
      return { logits: await decoder!.forward(request.ids, request.batch) }
    case 'next':
      return scheduler!.next(request)
    case 'admit':
      return scheduler!.admit(request)
    case 'score':
      return scheduler!.score(request)
    case 'free':
      scheduler!.free(request.sequence)
      return DONE
    case 'cacheBytes':
      return { cacheBytes: cacheBytes() }
    case 'openGraph':
      runner = await openGraphRunner(request)
      return DONE
    case 'run':
      return { tensors: await runner!.run(request.feeds, request.outputs, request.into) }
    case 'accumulate':
      await runner!.accumulate(request.feeds, request.sums)
      return { tensors: request.feeds }
    case 'takeSums':
      return { tensors: runner!.takeSums() }
    case 'closeGraph':
      await runner?.close()
      runner = undefined
      return DONE
    case 'close':
      await runner?.close()
      await decoder?.close()
      runner = undefined
      decoder = undefined
      scheduler = undefined
      return DONE
  }
}

async function open(request: Extract<Request, { readonly kind: 'open' }>): Promise<Answer> {
  const opened = await openDecoder(request.modelPath, request.cache, request)
  decoder = opened
  scheduler = createReadAhead(
    createScheduler(opened, {
      ...request,
      onCounters: (counters) => {
        // What is left to do of a session that has ended concerns nobody.
        if (decoder === opened) port.postMessage({ counters } satisfies CountersMessage)
      },
    }),
  )
  return { longest: opened.sequences.longest }
}

const DONE = { done: true } as const

function cacheBytes(): CacheBytes {
  const { byteLength: total, keptByteLength: kept } = decoder!.sequences
  return { total, kept }
}
