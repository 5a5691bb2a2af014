import { parentPort } from 'node:worker_threads'
import { type Decoder, openDecoder } from './decoder.js'
import { type GraphRunner, openGraphRunner } from './graph-runner.js'
import type { Call, Reply, Request, TensorRecord } from './protocol.js'

/** Runs a session on a thread of its own: the runtime blocks the thread that calls it. */

const port = parentPort!
let decoder: Decoder | undefined
let runner: GraphRunner | undefined

port.on('message', (call: Call) => {
  queue = queue.then(() => answer(call))
})

let queue: Promise<void> = Promise.resolve()

async function answer({ id, request }: Call): Promise<void> {
  try {
    const result = await handle(request)
    if (result instanceof Float32Array) {
      const whole = result.byteLength === result.buffer.byteLength ? result : result.slice()
      reply({ id, logits: whole }, [whole.buffer as ArrayBuffer])
    } else if (result !== undefined) {
      reply(
        { id, tensors: result },
        Object.values(result).flatMap(({ data: { buffer } }) =>
          buffer instanceof ArrayBuffer ? [buffer] : [],
        ),
      )
    } else reply({ id, done: true })
  } catch (error) {
    reply({ id, error: error instanceof Error ? error.message : String(error) })
  }
  if (request.kind === 'close') port.close()
}

const reply = (message: Reply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)

async function handle(request: Request): Promise<Float32Array | TensorRecord | undefined> {
  switch (request.kind) {
    case 'open':
      decoder = await openDecoder(request.modelPath, request.cache, request.threads)
      return undefined
    case 'forward':
      return decoder!.forward(request.ids, request.batch)
    case 'append':
      return decoder!.append(request.sequence, request.ids)
    case 'free':
      decoder!.free(request.sequence)
      return undefined
    case 'openGraph':
      runner = await openGraphRunner(request.modelPath, request.threads)
      return undefined
    case 'run':
      return runner!.run(request.feeds, request.outputs)
    case 'accumulate':
      await runner!.accumulate(request.feeds, request.sums)
      return undefined
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
