import { compileGrammar, compileVocabulary } from '@hfquant/grammar'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { atRandom, GREEDY } from '../testing/sampling.fixture.js'
import { SamplingError } from './errors.js'
import { createSampler } from './sampler.js'
import type { SamplerConfig } from './sampler-config.js'

const greedy = createSampler(GREEDY)
const sampler = (settings: Partial<SamplerConfig>) => createSampler(atRandom(settings))
const distinct = fc
  .uniqueArray(fc.integer({ min: -4000, max: 4000 }), { minLength: 1, maxLength: 50 })
  .map((list) => Float32Array.from(list, (value) => value / 200))
const seed = fc.nat()

describe('greedy sampling', () => {
  it('takes the largest logit, the lowest token among equals', () => {
    expect(greedy(Float32Array.of(1, 3, 2, 3), [])).toBe(1)
    expect(greedy(Float32Array.of(-5, -7, -5), [])).toBe(0)
  })

  it('takes the repetition penalty into account, once for each token', () => {
    const penalized = createSampler({ ...GREEDY, repetitionPenalty: 2 })
    expect(penalized(Float32Array.of(3, 2), [0])).toBe(1)
    expect(penalized(Float32Array.of(7, 2), [0, 0, 0])).toBe(0)
    expect(penalized(Float32Array.of(-1, -1.5), [0])).toBe(1)
  })
})

describe('penalties and biases of an answer', () => {
  const of = (settings: Partial<SamplerConfig>) => createSampler({ ...GREEDY, ...settings })
  const chosen = (settings: Partial<SamplerConfig>, logits: readonly number[], count: number) => {
    const choose = of(settings)
    return Array.from({ length: count }, () => choose(Float32Array.from(logits), [0, 1, 2]))
  }

  it('subtract once, or as often as a token was chosen, and not for a token of the prompt', () => {
    expect(chosen({ presencePenalty: 1 }, [3, 2.5, 0], 4)).toEqual([0, 1, 0, 0])
    expect(chosen({ frequencyPenalty: 1 }, [3, 2.5, 0], 6)).toEqual([0, 1, 0, 1, 0, 1])
    expect(chosen({ presencePenalty: -1 }, [3, 2.5, 0], 2)).toEqual([0, 0])
  })

  it('come behind the repetition penalty, and before what may not come', () => {
    // 4 becomes 2 by the repetition penalty, and 3 by the bias; the other way round it would be 2.5.
    const settings = { repetitionPenalty: 2, logitBias: { ids: [0], values: [1] } }
    expect(of(settings)(Float32Array.of(4, 2.75), [0])).toBe(0)
    const rules = { eosTokenIds: [], promptLength: 0, maxLength: 9, suppressTokens: [1] }
    expect(of({ logitBias: { ids: [1], values: [50] }, rules })(Float32Array.of(1, 0), [])).toBe(0)
  })

  it('of -100 do not forbid a token that is the only one', () => {
    const logits = Float32Array.of(3, Number.NEGATIVE_INFINITY)
    expect(of({ logitBias: { ids: [0], values: [-100] } })(logits, [])).toBe(0)
    expect(of({ logitBias: { ids: [1], values: [100] } })(logits, [])).toBe(0)
  })

  it('name a token beyond the logits, or numbers that are too large', () => {
    const failure = (settings: Partial<SamplerConfig>) => () => of(settings)(Float32Array.of(1, 2), [])
    const code = (code: string) => expect.objectContaining({ code, hint: expect.any(String) })
    expect(failure({ logitBias: { ids: [2], values: [1] } })).toThrow(code('TOKEN_OUT_OF_RANGE'))
    expect(failure({ logitBias: { ids: [1], values: [1e300] } })).toThrow(code('LOGITS_INVALID'))
  })
})

describe('a grammar', () => {
  /** One letter a token, and an end. */
  const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ']
  const END = letters.length
  const vocabulary = compileVocabulary({
    size: END + 1,
    tokenBytes: (id) => new TextEncoder().encode(letters[id] ?? ''),
    endTokenIds: [END],
  })
  const of = (pattern: string) => compileGrammar({ type: 'regex', pattern }, vocabulary)
  const spell = (settings: Partial<SamplerConfig>, logits: Float32Array) => {
    const choose = createSampler({ ...GREEDY, ...settings })
    const ids: number[] = []
    for (let id = -1; id !== END; ids.push(id)) id = choose(logits, ids)
    return ids.map((id) => letters[id] ?? '.').join('')
  }
  // The logits have two more than the vocabulary, and these are the likeliest.
  const logits = Float32Array.from({ length: END + 3 }, (_, id) => id)

  it('leaves the tokens that its text may go on with, and the end where it may end', () => {
    expect(spell({ grammar: of('[a-c]x[F-H]?') }, logits)).toBe('cx.')
    expect(spell({ grammar: of('[a-c]x[F-H]') }, logits)).toBe('cxH.')
  })

  it('lets top-k, top-p and the penalties choose among these', () => {
    const grammar = of('[a-m]{12}')
    const text = spell({ ...atRandom({ topK: 2, seed: 1 }), grammar }, logits)
    expect(text).toMatch(/^[lm]{12}\.$/)
    expect(new Set(spell({ grammar, presencePenalty: 100 }, logits)).size).toBe(13)
  })

  it('is followed by each sampler for itself', () => {
    const grammar = of('ab')
    expect([spell({ grammar }, logits), spell({ grammar }, logits)]).toEqual(['ab.', 'ab.'])
  })

  it('that has none of the tokens that other settings leave is an error', () => {
    const rules = { eosTokenIds: [], promptLength: 0, maxLength: 9, suppressTokens: [0] }
    const choose = createSampler({ ...GREEDY, grammar: of('a'), rules })
    expect(() => choose(logits, [])).toThrow(
      expect.objectContaining({
        code: 'LOGITS_EMPTY',
        message: expect.stringContaining('under the grammar'),
      }),
    )
  })
})

describe('random sampling', () => {
  it('with top-k 1 equals greedy when one logit is the largest', () => {
    fc.assert(
      fc.property(distinct, seed, (logits, number) => {
        expect(sampler({ topK: 1, seed: number })(logits, [])).toBe(greedy(logits, []))
      }),
    )
  })

  it('chooses only among the top-k tokens', () => {
    fc.assert(
      fc.property(distinct, seed, fc.integer({ min: 1, max: 60 }), (logits, number, topK) => {
        const chosen = sampler({ topK, seed: number })(logits, [])
        expect(logits.filter((logit) => logit > logits[chosen]!).length).toBeLessThan(topK)
      }),
    )
  })

  it('chooses only tokens that top-p and min-p leave', () => {
    const probability = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(distinct, seed, probability, probability, (logits, number, topP, minP) => {
        const weights = [...logits].map(Math.exp)
        const total = weights.reduce((all, weight) => all + weight)
        const slack = 1e-9

        const nucleus = sampler({ topP, seed: number })(logits, [])
        const above = weights
          .filter((weight) => weight > weights[nucleus]!)
          .reduce((all, weight) => all + weight, 0)
        expect(above / total).toBeLessThanOrEqual(topP + slack)

        const likely = sampler({ minP, seed: number })(logits, [])
        expect(weights[likely]! / Math.max(...weights)).toBeGreaterThanOrEqual(minP - slack)
      }),
    )
  })

  it('never chooses a token of logit -Infinity', () => {
    const none = Number.NEGATIVE_INFINITY
    fc.assert(
      fc.property(seed, (number) => {
        expect([1, 3]).toContain(sampler({ seed: number })(Float32Array.of(none, 0, none, 1, none), []))
      }),
    )
  })

  it('follows the probabilities', () => {
    const choose = sampler({ seed: 5 })
    const counts = [0, 0, 0]
    for (let draw = 0; draw < 20000; draw++) {
      counts[choose(Float32Array.of(Math.log(0.5), Math.log(0.3), Math.log(0.2)), [])]!++
    }
    // Five standard deviations of the most likely count are 354 of 20000.
    ;[0.5, 0.3, 0.2].forEach((share, token) => {
      expect(Math.abs(counts[token]! - share * 20000)).toBeLessThan(354)
    })
  })

  it('gives the same choices for the same seed, and others for another', () => {
    const flat = new Float32Array(1000)
    const run = (options: Partial<SamplerConfig>) => {
      const choose = sampler(options)
      return Array.from({ length: 20 }, () => choose(flat, []))
    }
    fc.assert(
      fc.property(fc.maxSafeNat(), (number) => {
        expect(run({ seed: number })).toEqual(run({ seed: number }))
        expect(run({ seed: number })).not.toEqual(run({ seed: number === 0 ? 1 : number - 1 }))
      }),
    )
    expect(run({ seed: 1 })).not.toEqual(run({ seed: 1 + 2 ** 32 }))
    expect(run({})).not.toEqual(run({}))
  })

  it('leaves the logits as they are', () => {
    const logits = Float32Array.of(1, 2, 3)
    const options = { repetitionPenalty: 1.5, temperature: 0.5, topK: 2, topP: 0.9, minP: 0.1, seed: 1 }
    sampler(options)(logits, [0, 2])
    expect(logits).toEqual(Float32Array.of(1, 2, 3))
  })

  it('handles a vocabulary of 128 000 tokens without top-k', () => {
    const logits = Float32Array.from({ length: 128_000 }, (_, token) => -((token * 7919) % 128_000) / 100)
    expect(sampler({ topP: 0.001, seed: 3 })(logits, [])).toBe(0)
  })
})

describe('settings at the edge of what numbers can hold', () => {
  const magnitude = fc.oneof(
    fc.constantFrom(Number.MIN_VALUE, 1e-300, 1e-40, 1e-38, 0.7, 1, 1e38, 1e300, Number.MAX_VALUE),
    fc.double({ min: Number.MIN_VALUE, noNaN: true, noDefaultInfinity: true }),
  )
  const share = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }))
  const settings = fc.record({
    doSample: fc.boolean(),
    temperature: magnitude,
    topK: fc.nat(20),
    topP: share,
    minP: fc.option(share, { nil: undefined }),
    repetitionPenalty: magnitude,
    seed,
  })
  const anyLogits = fc
    .array(fc.float({ noNaN: true, max: 2 ** 127 }), { minLength: 1, maxLength: 12 })
    .map((list) => Float32Array.from(list))

  it('give a token or a SamplingError, never anything else', () => {
    fc.assert(
      fc.property(anyLogits, settings, fc.array(fc.nat()), (logits, config, previous) => {
        const occurred = previous.map((token) => token % logits.length)
        try {
          const token = createSampler(config)(logits, occurred)
          expect(Number.isInteger(token) && token >= 0 && token < logits.length, `token ${token}`).toBe(true)
        } catch (error) {
          if (!SamplingError.isInstance(error)) throw error
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('choose like greedy at a temperature whose quotients have no float32', () => {
    fc.assert(
      fc.property(distinct, seed, fc.constantFrom(Number.MIN_VALUE, 1e-300, 1e-45), (logits, number, low) => {
        expect(sampler({ temperature: low, seed: number })(logits, [])).toBe(greedy(logits, []))
      }),
    )
  })

  it('leave equal logits equally likely at such a temperature', () => {
    const choose = sampler({ temperature: 1e-300, seed: 1 })
    const chosen = Array.from({ length: 50 }, () => choose(Float32Array.of(-3, -2, -2), []))
    expect(new Set(chosen)).toEqual(new Set([1, 2]))
  })
})

describe('unusable logits', () => {
  const failure = (logits: number[], options: Partial<SamplerConfig>, previous: number[] = []) => {
    try {
      return createSampler({ ...GREEDY, ...options })(Float32Array.from(logits), previous)
    } catch (error) {
      return error
    }
  }

  it.each([{}, { doSample: true, topK: 2 }])('are reported with %j', (options) => {
    const nan = failure([1, Number.NaN], options)
    expect(SamplingError.isInstance(nan)).toBe(true)
    expect(nan).toMatchObject({ code: 'LOGITS_INVALID', message: expect.stringContaining('token 1 is NaN') })
    expect(failure([Number.POSITIVE_INFINITY], options)).toMatchObject({ code: 'LOGITS_INVALID' })
    expect(failure([Number.NEGATIVE_INFINITY], options)).toMatchObject({ code: 'LOGITS_EMPTY' })
    expect(failure([], options)).toMatchObject({ code: 'LOGITS_EMPTY' })
  })

  it.each([{}, { doSample: true }])('include those that a repetition penalty made so, with %j', (options) => {
    expect(failure([0, 3], { ...options, repetitionPenalty: 1e-300 }, [1])).toMatchObject({
      code: 'LOGITS_INVALID',
      message:
        'the logit of token 1 is Infinity after a repetition penalty of 1e-300, expected a finite number',
      hint: expect.stringContaining('repetitionPenalty'),
    })
    expect(failure([-1, -2], { ...options, repetitionPenalty: 1e300 }, [0, 1])).toMatchObject({
      code: 'LOGITS_EMPTY',
      message: expect.stringContaining('after a repetition penalty of 1e+300'),
    })
  })

  it('include too few of them for the tokens that occurred', () => {
    expect(failure([1, 2], { repetitionPenalty: 1.1 }, [2])).toMatchObject({
      code: 'TOKEN_OUT_OF_RANGE',
      found: 2,
    })
  })
})
