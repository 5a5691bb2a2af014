import { expect, test } from 'vitest'
import type { Request } from './protocol.js'
import { startSessionWorker } from './session-worker-host.js'

/** What keeps this process alive, as far as threads do. */
const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length

test('a request that cannot be cloned is refused, and does not keep the process alive', async () => {
  const worker = startSessionWorker(0)
  await worker.call({ kind: 'closeGraph' })
  const idle = ports()
  const pending = worker.call({ kind: 'closeGraph' })
  expect(ports()).toBeGreaterThan(idle)
  await pending
  expect(ports()).toBe(idle)

  const request = { kind: 'closeGraph', callback: () => {} } as Request
  await expect(worker.call(request)).rejects.toThrow('could not be cloned')
  expect(ports()).toBe(idle)
  await worker.close()
})

test('the thread of a small session serves the next one, that of a large one ends', async () => {
  let started = 0
  const count = () => {
    started += 1
  }
  const use = async (weightBytes: number) => {
    const worker = startSessionWorker(weightBytes)
    await worker.call({ kind: 'closeGraph' })
    await worker.close()
    expect(worker.isClosed()).toBe(true)
    await expect(worker.call({ kind: 'closeGraph' })).rejects.toMatchObject({ code: 'MODEL_DISPOSED' })
    return started
  }
  // Whatever other tests have left is used up.
  await Promise.all([1, 2, 3, 4].map(() => use(2 ** 30)))
  process.on('worker', count)
  try {
    expect([await use(0), await use(0), await use(2 ** 30), await use(0)]).toEqual([1, 1, 1, 2])
  } finally {
    process.off('worker', count)
  }
})
