import { totalmem } from 'node:os'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  begin,
  beginUnwritten,
  check,
  extend,
  layer,
  prompt,
  shape,
  WIDTH,
} from '../testing/sequences.fixture.js'
import { createSequences, type Sequence } from './sequences.js'

describe('a budget', () => {
  /** Of a sequence of up to 256 tokens. */
  const one = 2 * 256 * WIDTH * 4
  const flat = { layers: Array.from({ length: 8 }, () => layer) }
  const budgetOf = (slots: number) => 8 * one * slots

  test('is never exceeded, whatever happens, and no row is lost', () => {
    const action = fc.record({
      kind: fc.constantFrom('begin', 'begin', 'step', 'step', 'step', 'retire'),
      length: fc.integer({ min: 1, max: 600 }),
      pick: fc.array(fc.nat(9), { minLength: 1, maxLength: 6 }),
    })
    const bytes = createSequences(shape, 1e9)
    begin(bytes, prompt(700))
    const budget = 3 * bytes.byteLength
    fc.assert(
      fc.property(fc.array(action, { minLength: 20, maxLength: 40 }), (actions) => {
        const sequences = createSequences(shape, budget)
        let alive: Sequence[] = []
        const fits = () => expect(sequences.byteLength).toBeLessThanOrEqual(budget)
        for (const { kind, length, pick } of actions) {
          const tokens = prompt(length, length % 3)
          const chosen = [...new Set(pick.flatMap((index) => alive[index] ?? []))]
          if (kind === 'begin') {
            const begun = sequences.begin(tokens, { room: length + 100 })
            if (begun !== undefined) {
              alive.push(begun)
              const rest = tokens.slice(begun.length)
              extend(sequences, sequences.single(begun), [rest])
            }
          } else if (kind === 'retire') {
            for (const ended of chosen) sequences.retire(ended)
            alive = alive.filter((one) => !chosen.includes(one))
          } else {
            const ready = chosen.filter((one) => sequences.reserve(one, 1))
            if (ready.length === 0) continue
            const batch = sequences.together(ready)
            expect(batch.sequences).toContain(ready[0])
            extend(
              sequences,
              batch,
              batch.sequences.map(({ length: cached }) => [cached % 50]),
            )
          }
          fits()
          for (const sequence of alive) check(sequences, sequence)
        }
      }),
      { numRuns: 20 },
    )
  })

  test('makes the oldest of those go that have ended; one that finds no room does not begin', () => {
    const sequences = createSequences(flat, budgetOf(3))
    for (const seed of [1, 2, 3]) sequences.retire(beginUnwritten(sequences, prompt(40, seed)))
    const longer = (seed: number) => [...prompt(40, seed), 1, 2, 3]
    const running = [beginUnwritten(sequences, longer(2)), beginUnwritten(sequences, prompt(40, 9))]
    expect(running.map(({ length }) => length)).toEqual([43, 40])
    expect(sequences.begin(longer(3), { reuse: false })).toBeDefined()
    expect(sequences.begin(prompt(40, 8))).toBeUndefined()
    sequences.retire(running[0]!)
    expect(sequences.begin(longer(1))!.length).toBe(0)
  })

  test('holds the room that a sequence is to grow into', () => {
    const sequences = createSequences(flat, budgetOf(4))
    beginUnwritten(sequences, prompt(40, 1))
    const held = sequences.begin(prompt(40, 2), { room: 600 })!
    expect(sequences.begin(prompt(40, 3))).toBeUndefined()
    sequences.retire(held)
    expect(sequences.begin(prompt(40, 3))).toBeDefined()
  })

  test('gives back slots that are free for longer sequences', () => {
    const sequences = createSequences(flat, budgetOf(4))
    const short = [1, 2, 3, 4].map((seed) => beginUnwritten(sequences, prompt(12, seed)))
    for (const one of short.slice(1)) sequences.retire(one)
    const tokens = [...short[0]!.tokens]
    expect(sequences.begin(prompt(600))).toBeDefined()
    expect(short[0]!.tokens).toEqual(tokens)
    expect(sequences.byteLength).toBe(8 * one * 4)
  })

  test('is what a sequence alone can fill', () => {
    const sequences = createSequences(flat, budgetOf(4) + one)
    expect(sequences.longest).toBe(1024)
    expect(sequences.begin(prompt(1025))).toBeUndefined()
    expect(sequences.begin(prompt(1024))).toBeDefined()
    expect(createSequences(flat, 10).longest).toBe(0)
  })

  test('is the memory of the machine, or of its container, where nobody gives one', () => {
    const container = vi.spyOn(process, 'constrainedMemory').mockReturnValue(budgetOf(4) + one)
    expect(createSequences(flat).longest).toBe(1024)
    container.mockReturnValue(0)
    const { longest } = createSequences(flat)
    expect(longest).toBe(createSequences(flat, totalmem()).longest)
    container.mockReturnValue(2 ** 60)
    expect(createSequences(flat).longest, 'no limit of a container').toBe(longest)
    container.mockRestore()
  })

  test('of a small container holds for those that have ended, too', () => {
    const container = vi.spyOn(process, 'constrainedMemory').mockReturnValue(budgetOf(3))
    const sequences = createSequences(flat)
    container.mockRestore()
    for (const seed of [1, 2, 3, 4, 5]) {
      sequences.retire(beginUnwritten(sequences, prompt(40, seed)))
      expect(sequences.byteLength).toBeLessThanOrEqual(budgetOf(3))
    }
  })
})
