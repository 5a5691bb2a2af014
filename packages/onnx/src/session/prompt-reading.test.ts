import { describe, expect, test } from 'vitest'
import { ids, many, recordingDecoder, schedule } from '../testing/scheduler.fixture.js'

describe('a prompt', () => {
  test('a prompt is read in parts; the others go on between them', async () => {
    const { decoder, runs } = recordingDecoder()
    const { next } = schedule(decoder)
    await next(1, ids(7))
    const prompt = next(2, many(200))
    const tokens: number[] = []
    for (let token = 0; token < 3; token++) tokens.push(await next(1, ids(token)))
    expect(await prompt).toBe(200)
    expect(tokens).toEqual([7, 8, 10])
    // The first part is of 64 tokens; how long others are depends on how long that took, here no time.
    expect(runs.map(({ length }) => length)).toEqual([1, 1, 64, 1, 136, 1])
  })

  test('alone, a prompt is read in larger parts', async () => {
    const { decoder, runs } = recordingDecoder()
    await schedule(decoder).next(1, many(1200))
    expect(runs.map(({ length }) => length)).toEqual([512, 512, 176])
  })

  test('no part of a prompt is a single token, which attention sums in another order', async () => {
    const { decoder, runs } = recordingDecoder()
    await schedule(decoder).next(1, many(513))
    expect(runs.map(({ length }) => length)).toEqual([511, 2])
  })
})

describe('prompts of several sequences', () => {
  test('are read in turns: the oldest, and the one with the least left', async () => {
    const { decoder, runs } = recordingDecoder()
    const { next } = schedule(decoder)
    const of = (token: number, count: number) => Int32Array.from({ length: count }, () => token)
    const done: number[] = []
    const read = async (number: number, count: number) => {
      await next(number, of(number, count))
      done.push(number)
    }
    await Promise.all([read(1, 1800), read(2, 1500), read(3, 900), read(4, 40)])
    expect(done).toEqual([4, 1, 3, 2])
    expect(runs.map(([token]) => token)).toEqual([1, 4, 1, 1, 1, 3, 2, 3, 2, 2])
  })
})

describe('a text that is scored', () => {
  test('is read in parts, between the tokens of others, and tells of every token but the first', async () => {
    const { decoder, runs } = recordingDecoder()
    const { score, free } = schedule(decoder)
    const scores = async (tokens: Int32Array) => {
      const answer = await score({ sequence: 9, ids: tokens, top: 1 })
      free(9)
      return answer.scores
    }
    // The logit of the sum of those before is 1, those of the other five tokens are 0.
    const [second, third] = await scores(ids(1, 1, 3))
    expect(second!.top).toEqual([[1, second!.logprob]])
    expect(third!.logprob).toBeCloseTo(-Math.log(5 + Math.E), 9)
    expect(third!.top).toEqual([[2, expect.closeTo(1 - Math.log(5 + Math.E), 9)]])
    expect(await scores(ids(5))).toEqual([])
    runs.length = 0
    expect(await scores(many(600))).toHaveLength(599)
    expect(runs.map(({ length }) => length)).toEqual([256, 256, 88])
  })
})
