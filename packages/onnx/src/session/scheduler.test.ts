import { describe, expect, test } from 'vitest'
import type { Decoder } from './decoder.js'
import { createScheduler } from './scheduler.js'
import type { Sequence } from './sequences.js'

/** A decoder that writes down its runs; the "logits" of a sequence are all of its tokens. */
function recordingDecoder() {
  const runs: number[][] = []
  const append = (sequence: Sequence, ids: readonly number[]) => {
    sequence.tokens.push(...ids)
    return Float32Array.from(sequence.tokens)
  }
  const retired: Sequence[] = []
  const decoder: Pick<Decoder, 'append' | 'step' | 'sequences'> = {
    append: async (sequence, ids) => {
      runs.push([...ids])
      return append(sequence, ids)
    },
    step: async (tokens) => {
      runs.push([...tokens.values()])
      return new Map([...tokens].map(([sequence, token]) => [sequence, append(sequence, [token])]))
    },
    sequences: {
      begin: () => ({ tokens: [], length: 0 }),
      retire: (sequence) => void retired.push(sequence),
      byteLength: 0,
    },
  }
  return { decoder: decoder as Decoder, runs, retired }
}

const ids = (...tokens: number[]) => Int32Array.from(tokens)
const many = (count: number) => Int32Array.from({ length: count }, (_, index) => index)

describe('sequences in turn', () => {
  test('those that wait for a token share a run', async () => {
    const { decoder, runs } = recordingDecoder()
    const { append } = createScheduler(decoder)
    expect(await Promise.all([1, 2, 3].map((number) => append(number, ids(number))))).toEqual([
      Float32Array.of(1),
      Float32Array.of(2),
      Float32Array.of(3),
    ])
    expect(runs).toEqual([[1, 2, 3]])
  })

  test('one that comes a moment late still joins those with which it shared the last run', async () => {
    const { decoder, runs } = recordingDecoder()
    const { append } = createScheduler(decoder)
    await Promise.all([1, 2].map((number) => append(number, ids(number))))
    const prompt = append(1, ids(10))
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all([prompt, append(2, ids(20))])
    expect(runs).toEqual([
      [1, 2],
      [10, 20],
    ])
  })

  test('a prompt is read in parts; the others go on between them', async () => {
    const { decoder, runs } = recordingDecoder()
    const { append } = createScheduler(decoder)
    await append(1, ids(7))
    const prompt = append(2, many(200))
    const tokens: number[] = []
    for (let token = 0; token < 3; token++) tokens.push((await append(1, ids(token))).length)
    expect((await prompt).length).toBe(200)
    expect(tokens).toEqual([2, 3, 4])
    expect(runs.map(({ length }) => length)).toEqual(expect.arrayContaining([64, 64, 64, 8]))
    expect(runs.findIndex(({ length }) => length === 8)).toBeGreaterThan(3)
  })

  test('alone, a prompt is read in larger parts', async () => {
    const { decoder, runs } = recordingDecoder()
    await createScheduler(decoder).append(1, many(1200))
    expect(runs.map(({ length }) => length)).toEqual([512, 512, 176])
  })

  test('a freed sequence fails what is under way and leaves its cache to others', async () => {
    const { decoder, runs, retired } = recordingDecoder()
    const { append, free } = createScheduler(decoder)
    const prompt = append(1, many(5000))
    setImmediate(() => setImmediate(() => free(1)))
    await expect(prompt).rejects.toThrow('freed')
    expect(runs.length).toBeLessThan(10)
    expect(retired).toHaveLength(1)
    await append(2, ids(1))
  })

  test('an error of a run reaches those who wait for it, and nobody else', async () => {
    const { decoder } = recordingDecoder()
    const step = decoder.step
    let isBroken = true
    const { append } = createScheduler({
      ...decoder,
      step: async (tokens) => {
        if (isBroken) throw new Error('out of memory')
        return step(tokens)
      },
    })
    await expect(Promise.all([append(1, ids(1)), append(2, ids(2))])).rejects.toThrow('out of memory')
    isBroken = false
    expect(await append(3, ids(3))).toEqual(Float32Array.of(3))
  })
})
