import { RuntimeError } from '@hfquant/core/errors'
import { describe, expect, test, vi } from 'vitest'
import type { SamplerConfig } from '../sampling/sampler-config.js'
import { GREEDY } from '../testing/sampling.fixture.js'
import type { Decoder } from './decoder.js'
import type { NextTokens } from './protocol.js'
import { createScheduler } from './scheduler.js'
import type { Sequence } from './sequences.js'

/** A decoder that writes down its runs. The likeliest token is the sum of those before; after a 13, none is possible. */
function recordingDecoder() {
  const runs: number[][] = []
  const logitsAfter = (tokens: readonly number[]) => {
    const sum = tokens.reduce((total, token) => total + token)
    return new Float32Array(sum + 1).fill(tokens.includes(13) ? Number.NaN : 1, sum)
  }
  const append = (sequence: Sequence, ids: readonly number[]) => {
    sequence.tokens.push(...ids)
    return logitsAfter(sequence.tokens)
  }
  const retired: Sequence[] = []
  const decoder: Pick<Decoder, 'append' | 'step' | 'verify' | 'sequences'> = {
    append: async (sequence, ids) => {
      runs.push([...ids])
      return append(sequence, ids)
    },
    step: async (tokens) => {
      runs.push([...tokens.values()])
      return new Map([...tokens].map(([sequence, token]) => [sequence, append(sequence, [token])]))
    },
    verify: async (sequence, ids, keep) => {
      runs.push([...ids])
      const after = ids.map((_, at) => logitsAfter([...sequence.tokens, ...ids.slice(0, at + 1)]))
      const vocabulary = Math.max(...after.map(({ length }) => length))
      const logits = new Float32Array(ids.length * vocabulary)
      for (const [at, row] of after.entries()) logits.set(row, at * vocabulary)
      append(sequence, ids.slice(0, keep(logits)))
    },
    sequences: {
      begin: () => ({ tokens: [], length: 0, isLong: false }),
      extend: (_sequence, tokens) => tokens,
      roomOf: () => 100,
      retire: (sequence) => void retired.push(sequence),
      byteLength: 0,
      keptByteLength: 0,
    },
  }
  return { decoder: decoder as Decoder, runs, retired }
}

const ids = (...tokens: number[]) => Int32Array.from(tokens)
const many = (count: number) => Int32Array.from({ length: count }, () => 1)

const turn = () => new Promise((resolve) => setImmediate(resolve))

function schedule(decoder: Decoder) {
  const { next, free } = createScheduler(decoder)
  const only = ({ tokens: [token, ...more] }: NextTokens) => {
    expect(more).toEqual([])
    return token!
  }
  return {
    next: (sequence: number, ids: Int32Array, sampling: SamplerConfig | undefined = GREEDY) =>
      next({ sequence, ids, sampling }).then(only),
    goOn: (sequence: number, ids: Int32Array) => next({ sequence, ids }).then(only),
    draft: (sequence: number, token: number, draft: readonly number[]) =>
      next({ sequence, ids: ids(token), draft: Int32Array.from(draft) }).then(({ tokens }) => tokens),
    free,
  }
}

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

  test('a prompt is read in parts; the others go on between them', async () => {
    const { decoder, runs } = recordingDecoder()
    const { next } = schedule(decoder)
    await next(1, ids(7))
    const prompt = next(2, many(200))
    const tokens: number[] = []
    for (let token = 0; token < 3; token++) tokens.push(await next(1, ids(token)))
    expect(await prompt).toBe(200)
    expect(tokens).toEqual([7, 8, 10])
    expect(runs.map(({ length }) => length)).toEqual(expect.arrayContaining([64, 64, 64, 8]))
    expect(runs.findIndex(({ length }) => length === 8)).toBeGreaterThan(3)
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

  test('a freed sequence fails what is under way and leaves its cache to others', async () => {
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

  test('a sequence that has begun goes on as it began; a freed one does not', async () => {
    const { decoder, runs } = recordingDecoder()
    const { next, goOn, free } = schedule(decoder)
    expect(await next(1, ids(2))).toBe(2)
    expect(await goOn(1, ids(5))).toBe(7)
    free(1)
    await expect(goOn(1, ids(1))).rejects.toMatchObject({ code: 'SEQUENCE_FREED' })
    expect(runs).toEqual([[2], [5]])
  })

  test('settings that no sampler can be made of take no room for a sequence', async () => {
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
    await turn()
    expect(retired.map(({ tokens }) => tokens)).toEqual([[1]])
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
    await turn()
    expect(retired.map(({ tokens }) => tokens)).toEqual([[7, 1, 8]])
  })
})
