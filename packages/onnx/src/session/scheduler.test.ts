import { RuntimeError } from '@hfquant/core/errors'
import { describe, expect, test, vi } from 'vitest'
import type { SamplerConfig } from '../sampling/sampler-config.js'
import { GREEDY } from '../testing/sampling.fixture.js'
import type { Decoder } from './decoder.js'
import type { NextTokens } from './protocol.js'
import { createScheduler, type SchedulerOptions } from './scheduler.js'
import type { Sequence } from './sequences.js'
import type { SessionCounters } from './session-counters.js'

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
      reserve: () => true,
      retire: (sequence) => void retired.push(sequence),
      longest: Number.POSITIVE_INFINITY,
      byteLength: 0,
      keptByteLength: 0,
      activeByteLength: 0,
    },
  }
  return { decoder: decoder as Decoder, runs, retired }
}

const ids = (...tokens: number[]) => Int32Array.from(tokens)
const many = (count: number) => Int32Array.from({ length: count }, () => 1)

const turn = () => new Promise((resolve) => setImmediate(resolve))

function schedule(decoder: Decoder, options?: SchedulerOptions) {
  const { next, admit, score, free } = createScheduler(decoder, options)
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
    ...{ admit, score, free },
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

describe('room', () => {
  const turns = async () => {
    for (let round = 0; round < 8; round++) await turn()
  }
  /** A decoder whose cache holds so many tokens of all sequences. */
  function smallDecoder(room: number) {
    const recording = recordingDecoder()
    const held = new Map<Sequence, number>()
    const used = () => [...held.values()].reduce((sum, count) => sum + count, 0)
    const reserve = (sequence: Sequence, count: number) => {
      const wanted = sequence.tokens.length + count
      const more = wanted - (held.get(sequence) ?? 0)
      if (more <= 0) return true
      if (used() + more > room) return false
      held.set(sequence, wanted)
      return true
    }
    const decoder: Decoder = {
      ...recording.decoder,
      sequences: {
        ...recording.decoder.sequences,
        longest: room,
        begin(tokens) {
          const sequence: Sequence = {
            tokens: [],
            isLong: false,
            get length() {
              return this.tokens.length
            },
          }
          return reserve(sequence, tokens.length) ? sequence : undefined
        },
        reserve,
        retire(sequence) {
          held.delete(sequence)
        },
      },
    }
    return { ...recording, decoder, used }
  }
  const counted = () => {
    const told: SessionCounters[] = []
    return { told, onCounters: (counters: SessionCounters) => void told.push(counters) }
  }

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

  test('that others need is given up by the one that got it last, which then reads all of its tokens again', async () => {
    const { decoder, runs, used } = smallDecoder(12)
    const { told, onCounters } = counted()
    const { next, goOn, free } = schedule(decoder, { onCounters })
    const [first, second] = await Promise.all([next(1, many(5)), next(2, many(5))])
    expect([first, second]).toEqual([5, 5])
    expect(await Promise.all([goOn(1, ids(5)), goOn(2, ids(5))])).toEqual([10, 10])
    const waits = goOn(2, ids(10))
    expect(await goOn(1, ids(10))).toBe(20)
    free(1)
    expect(await waits).toBe(20)
    expect(runs.at(-1)).toEqual([1, 1, 1, 1, 1, 5, 10])
    expect(used()).toBe(7)
    const wanted = { preemptions: 1, promptTokens: 17, generatedTokens: 6, running: 1 }
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

  test('is counted, and what was done in it', async () => {
    const { decoder } = recordingDecoder()
    const { told, onCounters } = counted()
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
