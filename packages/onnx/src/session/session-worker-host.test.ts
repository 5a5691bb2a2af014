import { expect, test } from 'vitest'
import type { Request } from './protocol.js'
import { startSessionWorker } from './session-worker-host.js'

/** What keeps this process alive, as far as threads do. */
const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length

test('a request that cannot be cloned is refused, and does not keep the process alive', async () => {
  const worker = startSessionWorker()
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
