import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createIdleThreads } from './idle-threads.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const newThread = () => {
  const thread = {
    alive: true,
    async terminate() {
      thread.alive = false
    },
  }
  return thread
}

test('a thread that is kept is taken once', () => {
  const idle = createIdleThreads()
  const thread = newThread()
  idle.keep(thread)
  expect([idle.take(), idle.take()]).toEqual([thread, undefined])
  vi.advanceTimersByTime(60_000)
  expect(thread.alive).toBe(true)
})

test('one that nobody takes is ended, and one that ended by itself is not given away', async () => {
  const idle = createIdleThreads()
  const [first, second] = [newThread(), newThread()]
  idle.keep(first)
  vi.advanceTimersByTime(60_000)
  expect(first.alive).toBe(false)
  idle.keep(second)
  await second.terminate()
  expect(idle.take()).toBeUndefined()
})
