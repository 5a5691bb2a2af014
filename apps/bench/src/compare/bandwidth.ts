import { Worker } from 'node:worker_threads'

/** Of each thread: far more than caches hold. */
const BYTES = 192 * 2 ** 20

const PASSES = 6

/**
 * Bytes per second that so many threads read from memory together, each from its own; the fastest of some passes.
 *
 * They look for a byte that is nowhere, which the system's library does as fast as the memory gives.
 */
export async function readBandwidth(threads: number): Promise<number> {
  const workers = Array.from({ length: threads }, () => new Worker(READER, { eval: true }))
  try {
    await Promise.all(workers.map((worker) => passOf(worker)))
    const speeds: number[] = []
    for (let pass = 0; pass < PASSES; pass++) {
      const start = performance.now()
      await Promise.all(workers.map((worker) => passOf(worker)))
      speeds.push((threads * BYTES * 1000) / (performance.now() - start))
    }
    return Math.max(...speeds)
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

/** Memory is written first: pages that nobody wrote are all the same one. */
const READER = `
const { parentPort } = require('node:worker_threads')
const memory = Buffer.alloc(${BYTES}, 1)
parentPort.on('message', () => parentPort.postMessage(memory.indexOf(2)))
`

const passOf = (worker: Worker): Promise<unknown> =>
  new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.postMessage('read')
  })
