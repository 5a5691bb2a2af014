import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RuntimeError } from '@hfquant/core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { writeArtifact } from '../artifact/write-artifact.js'
import { createGraph } from '../graph/graph.js'
import { SamplingError } from '../sampling/errors.js'
import { logProbabilities } from '../sampling/log-probabilities.js'
import { createSampler } from '../sampling/sampler.js'
import type { SamplerConfig } from '../sampling/sampler-config.js'
import { constant, floatBytes } from '../testing/run-graph.fixture.js'
import { atRandom, GREEDY } from '../testing/sampling.fixture.js'
import { DECODER } from './decoder-ports.js'
import { type DecoderSession, openSession } from './session-host.js'

/** A model without layers: the logits of the next token are a row of a table, chosen by the last token. */

const VOCABULARY = 40
/** Follows no other token, and what follows it cannot be computed. */
const BROKEN = 39

const folder = mkdtempSync(join(tmpdir(), 'hfquant-session-'))
let modelPath: string
let session: DecoderSession
beforeAll(async () => {
  modelPath = await writeArtifact(folder, bigrams())
  session = await openSession({ modelPath, cache: { layers: [] }, threads: 1 })
})
afterAll(async () => {
  await session.close()
  rmSync(folder, { recursive: true, force: true })
})

function bigrams() {
  const table = Array.from({ length: VOCABULARY ** 2 }, (_, index) => {
    if (Math.floor(index / VOCABULARY) === BROKEN) return Number.NaN
    return index % VOCABULARY === BROKEN ? Number.NEGATIVE_INFINITY : 3 * Math.sin(index * index)
  })
  const graph = createGraph('bigrams')
  const ids = graph.input(DECODER.inputIds, 'int64', ['B', 'S'])
  graph.input(DECODER.positionIds, 'int64', ['B', 'S'])
  graph.input(DECODER.lastPosition, 'int32', ['B'])
  graph.input(DECODER.totalLength, 'int32', [])
  const rows = graph.input(DECODER.logitsRows, 'int64', ['R'])
  const shape = [VOCABULARY, VOCABULARY]
  const logits = graph.node('Gather', [
    graph.constant(constant('table', 'float32', shape, floatBytes(table))),
    ids,
  ])
  const wanted = graph.node('Gather', [logits, rows], { attributes: { axis: { int: 1 } } })
  graph.output(DECODER.logits, wanted, 'float32', ['B', 'R', VOCABULARY])
  return graph
}

const PROMPT = Array.from({ length: 20 }, (_, index) => (index * 7) % BROKEN)

/** Tokens that the session chooses. */
async function answer(sampling: SamplerConfig): Promise<number[]> {
  const sequence = session.sequence(sampling)
  const tokens: number[] = []
  for (let ids: readonly number[] = PROMPT; tokens.length < 30; ids = tokens.slice(-1))
    tokens.push(...(await sequence.next(ids)).tokens)
  await sequence.free()
  return tokens
}

/** The same with drafts: what comes, up to a token that does not. */
async function answerWithDrafts(sampling: SamplerConfig, wanted: readonly number[]): Promise<number[]> {
  const sequence = session.sequence(sampling)
  const tokens = [...(await sequence.next(PROMPT)).tokens]
  for (let right = 0; tokens.length < wanted.length; right = (right + 1) % 5) {
    const coming = wanted.slice(tokens.length, tokens.length + right)
    const wrong = (wanted[tokens.length + coming.length]! + 1) % BROKEN
    const { tokens: chosen } = await sequence.next(tokens.slice(-1), [...coming, wrong, 3])
    expect(chosen).toHaveLength(coming.length + 1)
    tokens.push(...chosen)
  }
  await sequence.free()
  return tokens.slice(0, wanted.length)
}

/** Tokens that a sampler of this thread chooses from the same logits. */
async function choose(sampling: SamplerConfig): Promise<number[]> {
  const sampler = createSampler(sampling)
  const tokens = [...PROMPT]
  while (tokens.length < PROMPT.length + 30) {
    const logits = await session.forward(Int32Array.from(tokens.slice(-1)), 1)
    tokens.push(sampler(logits, tokens))
  }
  return tokens.slice(PROMPT.length)
}

const settings: readonly SamplerConfig[] = [
  GREEDY,
  { ...GREEDY, repetitionPenalty: 1.3 },
  atRandom({ topK: 20, seed: 7 }),
  atRandom({ temperature: 0.7, topP: 0.9, minP: 0.02, repetitionPenalty: 1.1, seed: 2 ** 40 + 1 }),
]

describe('tokens that are chosen in the thread of the session', () => {
  test.each(settings)('are those of the sampler with %j', async (sampling) => {
    expect(await answer(sampling)).toEqual(await choose(sampling))
  })

  test.each(settings)('are the same with drafts, whether right or wrong, with %j', async (sampling) => {
    const wanted = await choose(sampling)
    expect(await answerWithDrafts(sampling, wanted)).toEqual(wanted)
  })

  test('come from a sampler for each sequence, whoever else shares the runs', async () => {
    const alone = await Promise.all(settings.map(choose))
    expect(await Promise.all(settings.map(answer))).toEqual(alone)
  })

  test('count those that were read for an earlier sequence, where repetition is penalized', async () => {
    const penalized = { ...GREEDY, repetitionPenalty: 8 }
    await answer(GREEDY)
    expect(await answer(penalized)).toEqual(await choose(penalized))
  })

  test('need the settings of a sampler, and nothing else of an object that has more', async () => {
    const config = { ...GREEDY, onToken: () => {} }
    expect(await answer(config)).toEqual(await choose(GREEDY))
  })

  test.each(settings)('are the same where the session goes on by itself, with %j', async (sampling) => {
    const goingOn = { ...sampling, endTokenIds: [], maxNewTokens: 30 }
    expect(await answer(goingOn)).toEqual(await choose(sampling))
  })

  test('come with their log-probabilities under the logits as they were, where these are asked for', async () => {
    const settings = { ...atRandom({ temperature: 0.3, seed: 3 }), repetitionPenalty: 5, logprobs: 2 }
    const sequence = session.sequence(settings)
    const [token] = (await sequence.next(PROMPT)).tokens
    const coming = await choose(settings)
    const { tokens, logprobs } = await sequence.next([token!], coming.slice(1, 4))
    expect(tokens).toEqual(coming.slice(1, 5))
    for (const [index, chosen] of tokens.entries()) {
      const logits = await session.forward(Int32Array.of(coming[index]!), 1)
      const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0))
      const { logprob, top } = logprobs![index]!
      expect(logprob).toBeCloseTo(logits[chosen]! - total, 9)
      const sorted = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!)
      expect(top.map(([id]) => id)).toEqual(sorted.slice(0, 2))
      expect(top[0]![1]).toBeCloseTo(logits[sorted[0]!]! - total, 9)
    }
    await sequence.free()
    const silent = session.sequence(GREEDY)
    expect(await silent.next([3])).not.toHaveProperty('logprobs')
    await silent.free()
  })

  test('come after the sequence was admitted as without that', async () => {
    const sequence = session.sequence({ ...GREEDY, maxNewTokens: 30 })
    expect(await sequence.admit(PROMPT)).toEqual({ cached: expect.any(Number) })
    expect((await sequence.next([])).tokens).toEqual((await choose(GREEDY)).slice(0, 1))
    await sequence.free()
    await expect(sequence.admit(PROMPT)).rejects.toMatchObject({ code: 'SEQUENCE_FREED' })
  })

  test('are counted', async () => {
    const before = session.counters.generatedTokens
    await answer(GREEDY)
    // They are told some time after the answer, and say until then what was before it.
    await vi.waitFor(() => expect(session.counters.generatedTokens).toBeGreaterThanOrEqual(before + 30))
    await vi.waitFor(() => expect(session.counters).toMatchObject({ running: 0, waiting: 0 }))
    expect(session.counters.runs).toBeGreaterThan(0)
    expect(session.counters.cacheBytes).toEqual({ active: 0, kept: 0, total: 0, budget: undefined })
  })

  test('come no more once the sequence is freed', async () => {
    const sequence = session.sequence(GREEDY)
    await sequence.next(PROMPT)
    await sequence.free()
    const failure = await sequence.next([1]).catch((error: unknown) => error)
    expect(RuntimeError.isInstance(failure)).toBe(true)
    expect(failure).toMatchObject({ code: 'SEQUENCE_FREED' })
  })

  test('fail as they do in the own thread when the logits leave none, and others go on', async () => {
    const broken = session.sequence(GREEDY)
    const failure = await broken.next([BROKEN]).catch((error: unknown) => error)
    await broken.free()
    expect(SamplingError.isInstance(failure)).toBe(true)
    expect(RuntimeError.isInstance(failure)).toBe(true)
    expect(failure).toMatchObject({
      name: 'SamplingError',
      code: 'LOGITS_INVALID',
      message: expect.stringContaining('the logit of token 0 is NaN'),
      hint: expect.stringContaining('overflowed'),
      found: Number.NaN,
    })
    expect(await answer(GREEDY)).toEqual(await choose(GREEDY))
  })
})

test('a session is closed while sequences go on by themselves', async () => {
  const closed = await openSession({ modelPath, cache: { layers: [] }, threads: 1 })
  const sequences = [1, 2, 3].map(() => closed.sequence({ ...GREEDY, endTokenIds: [] }))
  await Promise.all(sequences.map((sequence) => sequence.next(PROMPT)))
  await closed.close()
  for (const sequence of sequences)
    await expect(sequence.next([3])).rejects.toMatchObject({ code: 'MODEL_DISPOSED' })
})

describe('a text', () => {
  test('is scored token by token, as its logits say', async () => {
    const scores = await session.score(PROMPT, { top: 3 })
    expect(scores).toHaveLength(PROMPT.length - 1)
    for (const [index, { logprob, top }] of scores.entries()) {
      const logits = await session.forward(Int32Array.of(PROMPT[index]!), 1)
      const wanted = logProbabilities(logits, PROMPT[index + 1]!, 3)
      expect([logprob, top]).toEqual([wanted.logprob, wanted.top])
    }
    expect(await session.score([5])).toEqual([])
  })

  test('that cannot be scored, or need not be any more, leaves nothing behind', async () => {
    await expect(session.score([3, BROKEN, 4])).rejects.toMatchObject({ code: 'LOGITS_INVALID' })
    const reason = new Error('enough')
    await expect(session.score(PROMPT, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const abort = new AbortController()
    const scoring = session.score(Array<number>(20_000).fill(7), { signal: abort.signal })
    abort.abort(reason)
    await expect(scoring).rejects.toBe(reason)
    await vi.waitFor(() => expect(session.counters.running).toBe(0))
  })
})
