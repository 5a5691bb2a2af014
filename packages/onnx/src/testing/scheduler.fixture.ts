import { expect } from 'vitest'
import type { SamplerConfig } from '../sampling/sampler-config.js'
import type { Decoder } from '../session/decoder.js'
import type { NextTokens } from '../session/protocol.js'
import { createScheduler, type SchedulerOptions } from '../session/scheduler.js'
import type { Sequence } from '../session/sequences.js'
import type { SessionCounters } from '../session/session-counters.js'
import { GREEDY } from './sampling.fixture.js'

/** A decoder that writes down its runs. The likeliest token is the sum of those before; after a 13, none is possible. */
export function recordingDecoder() {
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
      begin: (tokens, { prompt = tokens.length } = {}) => newSequence(prompt),
      extend(sequence, tokens) {
        if (tokens.length > 1) Object.assign(sequence, { prompt: sequence.length + tokens.length })
        return tokens
      },
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

const newSequence = (prompt: number): Sequence => ({
  ...{ tokens: [], prompt, isLong: false },
  get length() {
    return this.tokens.length
  },
})

/** A decoder whose cache holds so many tokens of all sequences. */
export function smallDecoder(room: number) {
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
      begin(tokens, beginning) {
        const sequence = recording.decoder.sequences.begin(tokens, beginning)!
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

export const ids = (...tokens: number[]) => Int32Array.from(tokens)
export const many = (count: number) => Int32Array.from({ length: count }, () => 1)

/** Counters as they are told. */
export function listen() {
  const told: SessionCounters[] = []
  return { told, onCounters: (counters: SessionCounters) => void told.push(counters) }
}

export function schedule(decoder: Decoder, options?: SchedulerOptions) {
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
