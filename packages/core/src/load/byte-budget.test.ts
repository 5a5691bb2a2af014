import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createByteBudget } from './byte-budget.js'

test('never hands out more than its limit, and serves everybody', async () => {
  const requests = fc.array(fc.integer({ min: 0, max: 150 }), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(requests, async (sizes) => {
      const budget = createByteBudget(100)
      let used = 0
      let most = 0
      await Promise.all(
        sizes.map(async (size) => {
          const grant = await budget.acquire(size)
          used += Math.min(size, 100)
          most = Math.max(most, used)
          await Promise.resolve()
          used -= Math.min(size, 100)
          grant.release()
        }),
      )
      expect(most).toBeLessThanOrEqual(100)
      expect(used).toBe(0)
    }),
  )
})

test('a request that waits can be aborted, and the next one moves up', async () => {
  const budget = createByteBudget(10)
  const first = await budget.acquire(10)
  const stop = new AbortController()
  const second = budget.acquire(10, stop.signal)
  const third = budget.acquire(5)
  stop.abort(new Error('no longer needed'))
  await expect(second).rejects.toThrow('no longer needed')
  first.release()
  await expect(third).resolves.toBeDefined()
})
