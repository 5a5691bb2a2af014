import { parentPort } from 'node:worker_threads'
import { type Decoder, openDecoder } from './decoder.js'
import { type GraphRunner, openGraphRunner } from './graph-runner.js'
import { prepack } from './prepack.js'
import type { Call, Reply, Request, TensorRecord } from './protocol.js'
import { createScheduler, type Scheduler } from './scheduler.js'

/** Runs a session on a thread of its own: the runtime blocks the thread that calls it. */

const port = parentPort!
let decoder: Decoder | undefined
let scheduler: Scheduler | undefined
let runner: GraphRunner | undefined

port.on('message', (call: Call) => {
  // What concerns sequences is put in order by the scheduler; everything else is answered one after the other.
  if (call.request.kind === 'append' || call.request.kind === 'free') void answer(call)
  else queue = queue.then(() => answer(call))
})

let queue: Promise<void> = Promise.resolve()

async function answer({ id, request }: Call): Promise<void> {
  try {
    const result = await handle(request)
    if (result instanceof Float32Array) {
      const whole = result.byteLength === result.buffer.byteLength ? result : result.slice()
      reply({ id, logits: whole }, [whole.buffer as ArrayBuffer])
    } else if (result !== undefined) {
      // Sums share one buffer, which can be handed over only once.
      const buffers = new Set(Object.values(result).map(({ data }) => data.buffer as ArrayBuffer))
      reply({ id, tensors: result }, [...buffers])
    } else reply({ id, done: true })
  } catch (error) {
    reply({ id, error: error instanceof Error ? error.message : String(error) })
  }
  if (request.kind === 'close') {
    post()
    port.close()
  }
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

async function handle(request: Request): Promise<Float32Array | TensorRecord | undefined> {
  switch (request.kind) {
    case 'open':
      decoder = await openDecoder(request.modelPath, request.cache, request)
      scheduler = createScheduler(decoder)
      return undefined
    case 'prepack':
      await prepack(request.modelPath, request.target, request.threads)
      return undefined
    case 'forward':
      return decoder!.forward(request.ids, request.batch)
    case 'append':
      return scheduler!.append(request.sequence, request.ids)
    case 'free':
      scheduler!.free(request.sequence)
      return undefined
    case 'openGraph':
      runner = await openGraphRunner(request.modelPath, request.threads)
      return undefined
    case 'run':
      return runner!.run(request.feeds, request.outputs, request.into)
    case 'accumulate':
      await runner!.accumulate(request.feeds, request.sums)
      return request.feeds
    case 'takeSums':
      return runner!.takeSums()
    case 'closeGraph':
      await runner?.close()
      runner = undefined
      return undefined
    case 'close':
      await runner?.close()
      await decoder?.close()
      return undefined
  }
}
