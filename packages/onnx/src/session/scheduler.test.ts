import { RuntimeError } from '@hfquant/core/errors'
import { describe, expect, test, vi } from 'vitest'
import { GREEDY } from '../testing/sampling.fixture.js'
import { ids, listen, many, recordingDecoder, schedule } from '../testing/scheduler.fixture.js'
import { turn } from './turn.js'

describe('a sequence', () => {
  test('that is freed fails what is under way and leaves its cache to others', async () => {
    const { decoder, runs, retired } = recordingDecoder()
    const { next, free } = schedule(decoder)
    const prompt = next(1, many(5000))
    setImmediate(() => setImmediate(() => free(1)))
    const failure = await prompt.catch((error: unknown) => error)
    expect(RuntimeError.isInstance(failure)).toBe(true)
    expect(failure).toMatchObject({ code: 'SEQUENCE_FREED', hint: expect.any(String) })
    expect(runs.length).toBeLessThan(10)
    await next(2, ids(1))
    await turn()
    expect(retired).toHaveLength(1)
  })

  test('that has begun goes on as it began; a freed one does not', async () => {
    const { decoder, runs } = recordingDecoder()
    const { next, goOn, free } = schedule(decoder)
    expect(await next(1, ids(2))).toBe(2)
    expect(await goOn(1, ids(5))).toBe(7)
    free(1)
    await expect(goOn(1, ids(1))).rejects.toMatchObject({ code: 'SEQUENCE_FREED' })
    expect(runs).toEqual([[2], [5]])
  })

  test('takes no room for settings that no sampler can be made of', async () => {
    const { decoder } = recordingDecoder()
    const begin = vi.spyOn(decoder.sequences, 'begin')
    const unusable = {
      ...GREEDY,
      get seed(): number {
        throw new Error('no seed')
      },
    }
    await expect(schedule(decoder).next(1, ids(1), unusable)).rejects.toThrow('no seed')
    expect(begin).not.toHaveBeenCalled()
  })
})

describe('what a session does', () => {
  test('is counted, and told at most four times a second', async () => {
    const { decoder } = recordingDecoder()
    const { told, onCounters } = listen()
    const { next, free } = schedule(decoder, { onCounters, cacheBudget: 1000 })
    await Promise.all([next(1, many(5)), next(2, ids(3))])
    await vi.waitFor(() =>
      expect(told.at(-1)).toMatchObject({
        ...{ running: 2, waiting: 0, promptTokens: 5, generatedTokens: 2, runs: 2, preemptions: 0 },
        cacheBytes: { budget: 1000 },
      }),
    )
    free(1)
    free(2)
    await vi.waitFor(() => expect(told.at(-1)).toMatchObject({ running: 0 }))
    // The first time at once, and then not before a quarter of a second.
    expect(told.length).toBeLessThan(4)
  })
})
