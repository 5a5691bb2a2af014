import { describe, expect, test } from 'vitest'
import type { SequenceSettings } from '../sampling/sampler-config.js'
import { GREEDY } from '../testing/sampling.fixture.js'
import { recordingDecoder } from '../testing/scheduler.fixture.js'
import { createReadAhead } from './read-ahead.js'
import { createScheduler } from './scheduler.js'
import { turn } from './turn.js'

/** Each token is the sum of those before it: see recordingDecoder. */
function begin(prompt: readonly number[], settings: Partial<SequenceSettings> = { endTokenIds: [] }) {
  const { decoder, runs } = recordingDecoder()
  const scheduler = createReadAhead(createScheduler(decoder))
  const ask = async (
    ids: readonly number[],
    sampling?: SequenceSettings,
    draft: readonly number[] = [],
  ): Promise<number> => {
    const asked = { ids: Int32Array.from(ids), draft: Int32Array.from(draft) }
    const { tokens } = await scheduler.next({ sequence: 1, ...asked, sampling })
    return tokens[0]!
  }
  return {
    ...{ runs, ask, free: () => scheduler.free(1) },
    first: ask(prompt, { ...GREEDY, ...settings }),
    async settle() {
      for (let count = 0; count < 100; count++) await turn()
    },
  }
}

describe('a sequence that says where it ends', () => {
  test('goes on while nobody asks, up to eight tokens, and tells them in their order', async () => {
    const { runs, ask, first, settle } = begin([1])
    let token = await first
    await settle()
    expect(runs).toHaveLength(9)
    const told = [token]
    for (let count = 0; count < 9; count++) {
      token = await ask([token])
      told.push(token)
    }
    expect(told).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
    await settle()
    expect(runs).toHaveLength(18)
    expect(runs.slice(0, 4)).toEqual([[1], [1], [2], [4]])
  })

  test.each([
    ['one of its end tokens', { endTokenIds: [4, 5] }],
    ['as many tokens as there may be', { endTokenIds: [], maxNewTokens: 3 }],
  ])('goes on until %s', async (_, settings) => {
    const { runs, ask, first, settle } = begin([1], settings)
    await first
    await settle()
    expect(runs).toHaveLength(3)
    expect([await ask([1]), await ask([2])]).toEqual([2, 4])
    await settle()
    expect(runs).toHaveLength(3)
    // Whoever asks all the same is answered.
    expect(await ask([4])).toBe(8)
  })

  test('goes on with no other tokens, and with no draft; it is what it was when these are refused', async () => {
    const { ask, first, settle } = begin([1])
    await first
    await settle()
    for (const [ids, draft] of [[[5]], [[1, 2]], [[]], [[1], [2]]]) {
      await expect(ask(ids!, undefined, draft)).rejects.toMatchObject({
        ...{ code: 'SEQUENCE_GONE_ON', expected: 1, hint: expect.stringContaining('endTokenIds') },
      })
    }
    expect(await ask([1])).toBe(2)
  })

  test('fails where the token is asked for that cannot be chosen', async () => {
    const { ask, first, settle } = begin([6, 7])
    expect(await first).toBe(13)
    await settle()
    await expect(ask([13])).rejects.toMatchObject({ code: 'LOGITS_INVALID' })
  })

  test('is forgotten when it is freed', async () => {
    const { runs, ask, first, settle, free } = begin([1])
    await first
    await settle()
    free()
    await settle()
    expect(runs).toHaveLength(9)
    await expect(ask([1])).rejects.toMatchObject({ code: 'SEQUENCE_FREED' })
  })
})

test('a sequence that does not say it waits to be asked, and may go on with any token', async () => {
  const { runs, ask, first, settle } = begin([1], {})
  await first
  await settle()
  expect(runs).toEqual([[1]])
  expect(await ask([5])).toBe(6)
})
