import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { runTogether } from './run-together.js'

test('results stand in the order of what they are of, however many run at a time', async () => {
  let [running, most] = [0, 0]
  const items = Array.from({ length: 40 }, (_, index) => index)
  const found = await runTogether(
    items,
    async (item) => {
      most = Math.max(most, ++running)
      for (let turn = 0; turn < (item * 7) % 5; turn++) await setImmediate()
      running -= 1
      return item * 2
    },
    undefined,
  )
  expect(found).toEqual(items.map((item) => item * 2))
  expect(most).toBe(16)
})

test('when one fails, those that run are aborted, and no other begins', async () => {
  const begun: number[] = []
  const ended: unknown[] = []
  const failed = runTogether(
    Array.from({ length: 40 }, (_, index) => index),
    async (item, signal) => {
      begun.push(item)
      await setImmediate()
      if (item === 3) throw new Error('no memory')
      while (!signal.aborted) await setImmediate()
      ended.push(signal.reason)
      signal.throwIfAborted()
    },
    undefined,
  )
  await expect(failed).rejects.toThrow('no memory')
  expect(begun).toEqual(Array.from({ length: 16 }, (_, index) => index))
  expect(ended).toHaveLength(15)
})

test('the reason of a signal ends all of them', async () => {
  const abort = new AbortController()
  const aborted = runTogether(
    [1, 2],
    async (_, signal) => {
      abort.abort(new Error('enough'))
      signal.throwIfAborted()
    },
    abort.signal,
  )
  await expect(aborted).rejects.toThrow('enough')
})
