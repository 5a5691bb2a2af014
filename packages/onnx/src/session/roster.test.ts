import { describe, expect, test, vi } from 'vitest'
import { GREEDY } from '../testing/sampling.fixture.js'
import { ids, listen, many, recordingDecoder, schedule, smallDecoder } from '../testing/scheduler.fixture.js'
import { turn } from './turn.js'

const turns = async () => {
  for (let round = 0; round < 8; round++) await turn()
}

describe('room', () => {
  test('is waited for, in the order in which it was asked for', async () => {
    const { decoder } = smallDecoder(10)
    const { next, free } = schedule(decoder)
    await next(1, many(6))
    const done: number[] = []
    const waiting = [2, 3, 4].map((number) =>
      next(number, many(4 + (number % 2))).then(() => done.push(number)),
    )
    await turns()
    expect(done).toEqual([2])
    free(1)
    await waiting[1]
    expect(done).toEqual([2, 3])
    free(2)
    await Promise.all(waiting)
  })

  test('is not for more sequences than there may be', async () => {
    const { decoder } = recordingDecoder()
    const { next, free } = schedule(decoder, { maxSequences: 2 })
    const answered: number[] = []
    const all = [1, 2, 3].map((number) => next(number, ids(1)).then(() => answered.push(number)))
    await all[1]
    await turns()
    expect(answered).toEqual([1, 2])
    free(1)
    await all[2]
  })

  test('is told of before the prompt is read; the sequence then goes on without it', async () => {
    const { decoder, runs } = smallDecoder(10)
    const { next, admit, goOn, free } = schedule(decoder)
    await next(1, many(8))
    let isAdmitted = false
    const admission = admit({ sequence: 2, ids: many(5), sampling: GREEDY }).then((answer) => {
      isAdmitted = true
      return answer
    })
    await turn()
    expect(isAdmitted).toBe(false)
    free(1)
    expect(await admission).toEqual({ cached: 0 })
    expect(runs).toHaveLength(1)
    expect(await goOn(2, ids())).toBe(5)
    const cancelled = admit({ sequence: 3, ids: many(9), sampling: GREEDY })
    free(3)
    await expect(cancelled).rejects.toMatchObject({ code: 'SEQUENCE_FREED' })
  })

  test('that others need is given up by the one that got it last, which then reads what it had as it came', async () => {
    const { decoder, runs, used } = smallDecoder(12)
    const { told, onCounters } = listen()
    const { next, goOn, free } = schedule(decoder, { onCounters })
    const [first, second] = await Promise.all([next(1, many(5)), next(2, many(5))])
    expect([first, second]).toEqual([5, 5])
    expect(await Promise.all([goOn(1, ids(5)), goOn(2, ids(5))])).toEqual([10, 10])
    const waits = goOn(2, ids(10))
    expect(await goOn(1, ids(10))).toBe(20)
    free(1)
    expect(await waits).toBe(20)
    // The prompt together, and tokens that were made one by one: others are summed in another order.
    expect(runs.slice(-3)).toEqual([[1, 1, 1, 1, 1], [5], [10]])
    expect(used()).toBe(7)
    const wanted = { preemptions: 1, promptTokens: 16, generatedTokens: 6, running: 1 }
    await vi.waitFor(() => expect(told.at(-1)).toMatchObject(wanted))
  })

  test('is given up first by one whose answer nobody reads', async () => {
    const { decoder } = smallDecoder(12)
    const { next, goOn, free } = schedule(decoder)
    const now = vi.spyOn(performance, 'now')
    try {
      await next(1, many(5))
      now.mockReturnValue(performance.now() + 5000)
      await next(2, many(5))
      const tokens = [await goOn(2, ids(1)), await goOn(2, ids(1)), await goOn(2, ids(1))]
      expect(tokens).toEqual([6, 7, 8])
      const back = goOn(1, ids(1))
      free(2)
      expect(await back).toBe(6)
    } finally {
      now.mockRestore()
    }
  })

  test('of one whose answer nobody reads goes to those who wait for it, too', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    try {
      const { decoder } = smallDecoder(12)
      const { next, goOn, free } = schedule(decoder, { maxSequences: 1 })
      await next(1, many(5))
      const answered: number[] = []
      const waits = next(2, many(3)).then((token) => answered.push(token))
      await turns()
      vi.advanceTimersByTime(900)
      await turns()
      expect(answered).toEqual([])
      vi.advanceTimersByTime(200)
      await waits
      expect(answered).toEqual([3])
      free(2)
      expect(await goOn(1, ids(5))).toBe(10)
    } finally {
      vi.useRealTimers()
    }
  })

  test('that is not even there alone is refused', async () => {
    const { decoder } = smallDecoder(12)
    const { next, goOn } = schedule(decoder)
    const refused = { code: 'CACHE_BUDGET_EXCEEDED', found: 13, expected: 12, hint: expect.any(String) }
    await expect(next(1, many(13))).rejects.toMatchObject(refused)
    await next(2, many(12))
    await expect(goOn(2, ids(1))).rejects.toMatchObject(refused)
  })
})
