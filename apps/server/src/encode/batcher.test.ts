import { describe, expect, it } from 'vitest'
import { createBatcher } from './batcher.js'

const never = new AbortController().signal

/** Doubles numbers, and notes what it was given at once. Negative ones fail. */
function doubler(maxItems = 32) {
  const batches: number[][] = []
  const batcher = createBatcher<number, number>({
    ...{ maxItems, wait: 5, maxWaiting: 100 },
    onBatch: () => {},
    async compute(inputs) {
      batches.push([...inputs])
      await new Promise((resolve) => setTimeout(resolve, 5))
      if (inputs.some((input) => input < 0)) throw new Error('below zero')
      return inputs.map((input) => input * 2)
    },
  })
  const run = (inputs: readonly number[], { size = 10, kind = '' } = {}) =>
    batcher.run(
      inputs.map((input) => ({ input, size, kind })),
      never,
    )
  return { batcher, batches, run }
}

describe('texts of several requests', () => {
  it('are computed at once when there is nobody to wait for, and together behind that', async () => {
    const { batches, run } = doubler()
    expect(await Promise.all([run([1]), run([2, 3]), run([4])])).toEqual([[2], [4, 6], [8]])
    expect(batches.map((batch) => batch.sort())).toEqual([[1], [2, 3, 4]])
  })

  it('wait for a request that is being read, though not long', async () => {
    const { batcher, batches, run } = doubler()
    const over = batcher.expect()
    const first = run([1])
    const second = run([2])
    over()
    await Promise.all([first, second])
    batcher.expect()
    await run([3])
    expect(batches).toEqual([[1, 2], [3]])
  })

  it('take turns: a long request does not fill every batch', async () => {
    const { batches, run } = doubler(4)
    await Promise.all([run([0]), run([1, 1, 1, 1, 1, 1]), run([2]), run([3])])
    expect(batches[1]).toEqual(expect.arrayContaining([1, 2, 3]))
  })

  it('go together only where they are of one kind and of about one length', async () => {
    const { batches, run } = doubler()
    await Promise.all([
      ...[run([0]), run([1], { kind: 'a' }), run([2], { kind: 'b' }), run([3], { kind: 'a' })],
      run([4], { kind: 'a', size: 1000 }),
    ])
    expect(batches).toEqual([[0], [1, 3], [2], [4]])
  })

  it('keep their errors to themselves', async () => {
    const { run } = doubler()
    const results = await Promise.allSettled([run([0]), run([1]), run([-1]), run([2])])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
  })

  it('are forgotten when their client leaves', async () => {
    const { batcher, batches, run } = doubler()
    const leaving = new AbortController()
    const first = run([1])
    const left = batcher.run([{ input: 2, size: 1, kind: '' }], leaving.signal)
    leaving.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    await first
    expect(batches).toEqual([[1]])
  })
})
