import { describe, expect, test, vi } from 'vitest'
import { ids, many, recordingDecoder, schedule, smallDecoder } from '../testing/scheduler.fixture.js'
import type { Sequence } from './sequences.js'
import { turn } from './turn.js'

describe('sequences in turn', () => {
  test('those that wait for a token share a run', async () => {
    const { decoder, runs } = recordingDecoder()
    const { next } = schedule(decoder)
    expect(await Promise.all([1, 2, 3].map((number) => next(number, ids(number))))).toEqual([1, 2, 3])
    expect(runs).toEqual([[1, 2, 3]])
  })

  test('one that comes a moment late still joins those with which it shared the last run', async () => {
    const { decoder, runs } = recordingDecoder()
    const { next } = schedule(decoder)
    await Promise.all([1, 2].map((number) => next(number, ids(number))))
    const prompt = next(1, ids(10))
    await turn()
    await Promise.all([prompt, next(2, ids(20))])
    expect(runs).toEqual([
      [1, 2],
      [10, 20],
    ])
  })

  test('tokens that one reads again are read in the runs of others', async () => {
    const { decoder, runs } = smallDecoder(24)
    const { next, goOn, free } = schedule(decoder)
    await Promise.all([next(1, many(8)), next(2, many(2)), next(3, many(3))])
    for (const token of [1, 2, 3]) await Promise.all([1, 2, 3].map((number) => goOn(number, ids(token))))
    const back = goOn(3, ids(4))
    await Promise.all([1, 2].map((number) => goOn(number, ids(4))))
    free(1)
    runs.length = 0
    const others = goOn(2, ids(5)).then(() => goOn(2, ids(6)))
    expect(await back).toBe(3 + 1 + 2 + 3 + 4)
    await others
    expect(runs).toEqual([[5], [1, 1, 1], [1, 6], [2], [3], [4]])
  })

  test('an error of a run reaches those who wait for it, and nobody else', async () => {
    const { decoder } = recordingDecoder()
    const step = decoder.step
    let isBroken = true
    const { next } = schedule({
      ...decoder,
      step: async (tokens) => {
        if (isBroken) throw new Error('out of memory')
        return step(tokens)
      },
    })
    await expect(Promise.all([next(1, ids(1)), next(2, ids(2))])).rejects.toThrow('out of memory')
    isBroken = false
    expect(await next(3, ids(3))).toBe(3)
  })

  test('a sequence that is freed during a run is written to before its cache is left to others', async () => {
    const { decoder, retired } = recordingDecoder()
    const { next, free } = schedule({
      ...decoder,
      step: async (tokens) => {
        free(1)
        expect(retired).toHaveLength(0)
        return decoder.step(tokens)
      },
    })
    const answers = await Promise.allSettled([next(1, ids(1)), next(2, ids(2))])
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    await vi.waitFor(() => expect(retired.map(({ tokens }) => tokens)).toEqual([[1]]))
  })

  test('logits that leave nothing to choose fail their sequence, and no other of the run', async () => {
    const { decoder } = recordingDecoder()
    const { next } = schedule(decoder)
    const [failed, other] = await Promise.allSettled([next(1, ids(13)), next(2, ids(2))])
    expect(failed).toMatchObject({ status: 'rejected', reason: { code: 'LOGITS_INVALID' } })
    expect(other).toEqual({ status: 'fulfilled', value: 2 })
  })
})

describe('a draft', () => {
  /** A sequence of 7: a 1 is followed by 8, 16, 32, 64 and so on. */
  async function begun() {
    const recording = recordingDecoder()
    const calls = schedule(recording.decoder)
    const begin = vi.spyOn(recording.decoder.sequences, 'begin')
    await calls.next(1, ids(7))
    const sequence: Sequence = begin.mock.results[0]!.value
    return { ...recording, ...calls, tokens: () => sequence.tokens }
  }

  test.each([
    ['that is right gives all its tokens and one more', [8, 16], [8, 16, 32], [7, 1, 8, 16]],
    [
      'that is wrong later gives what is right of it, and the choice behind that',
      [8, 5, 32],
      [8, 16],
      [7, 1, 8],
    ],
    ['that is wrong from the first token on gives the token that comes without it', [9, 16], [8], [7, 1]],
  ])('%s, and nothing else stays', async (_name, draft, chosen, kept) => {
    const { runs, tokens, ...calls } = await begun()
    expect(await calls.draft(1, 1, draft)).toEqual(chosen)
    expect(tokens()).toEqual(kept)
    expect(runs.at(-1)).toEqual([1, ...draft])
    expect(await calls.goOn(1, ids(chosen.at(-1)!))).toBe(2 * chosen.at(-1)!)
  })

  test('after which nothing can be chosen fails the call for that token, and not the one before', async () => {
    const { tokens, ...calls } = await begun()
    expect(await calls.draft(1, 6, [13, 26])).toEqual([13])
    expect(tokens()).toEqual([7, 6])
    await expect(calls.goOn(1, ids(13))).rejects.toMatchObject({ code: 'LOGITS_INVALID' })
  })

  test('that leads beyond the positions of a sequence is cut', async () => {
    const { runs, ...calls } = await begun()
    await calls.draft(1, 1, many(200) as unknown as number[])
    expect(runs.at(-1)).toHaveLength(100)
  })

  test('that comes while others are computed is computed in the next run', async () => {
    const { decoder } = recordingDecoder()
    let late: Promise<readonly number[]> | undefined
    const { next, draft } = schedule({
      ...decoder,
      step: async (tokens) => {
        if ([...tokens.values()].includes(5)) late ??= draft(1, 1, [8, 16])
        return decoder.step(tokens)
      },
    })
    await next(1, ids(7))
    await next(2, ids(5))
    expect(await late).toEqual([8, 16, 32])
  })

  test('has a run of its own; those that wait for one token share theirs', async () => {
    const { decoder, runs } = recordingDecoder()
    const { next, goOn, draft } = schedule(decoder)
    await Promise.all([1, 2, 3].map((number) => next(number, ids(7))))
    expect(await Promise.all([goOn(1, ids(1)), draft(2, 1, [8, 16]), goOn(3, ids(2))])).toEqual([
      8,
      [8, 16, 32],
      9,
    ])
    expect(runs.slice(1)).toEqual([
      [1, 2],
      [1, 8, 16],
    ])
  })

  test('of a sequence that is freed meanwhile is written to before its cache is left to others', async () => {
    const { decoder, retired } = recordingDecoder()
    const { next, draft, free } = schedule({
      ...decoder,
      verify: async (...call) => {
        free(1)
        expect(retired).toHaveLength(0)
        return decoder.verify(...call)
      },
    })
    await next(1, ids(7))
    await expect(draft(1, 1, [8])).rejects.toMatchObject({ code: 'SEQUENCE_FREED' })
    await vi.waitFor(() => expect(retired.map(({ tokens }) => tokens)).toEqual([[7, 1, 8]]))
  })
})
