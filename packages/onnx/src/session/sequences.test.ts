import { totalmem } from 'node:os'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { type Batch, type Beginning, createSequences, type Sequence, type Sequences } from './sequences.js'

const layer = { kind: 'kv', heads: 2, headSize: 3 } as const
/** The last layer looks back 70 tokens only. */
const shape = { layers: [layer, layer, { ...layer, window: 70 }] }
const WIDTH = layer.heads * layer.headSize

/** What a key row holds: something that only this token at this place has. */
const rowOf = (token: number, position: number) => token * 1000 + position

/** Does to the caches what a run does: appends tokens to every sequence of a batch. */
function extend(sequences: Sequences, { pool, first, sequences: members }: Batch, tokens: number[][]): void {
  for (const [index, sequence] of members.entries()) {
    const added = tokens[index]!
    const rows = Float32Array.from({ length: added.length * WIDTH }, (_, at) =>
      rowOf(added[Math.floor(at / WIDTH)]!, sequence.length + Math.floor(at / WIDTH)),
    )
    for (let layer = 0; layer < shape.layers.length; layer++) {
      const values = rows.map((value) => -value)
      pool.write(layer, first + index, sequence.length, { count: added.length, keys: rows, values })
    }
    sequences.advance(sequence, added)
  }
}

/** Every row that a token to come may read stands where the runtime looks for it. */
function check(sequences: Sequences, sequence: Sequence): void {
  const { pool, first } = sequences.single(sequence)
  for (const [index, window] of [
    [1, Number.POSITIVE_INFINITY],
    [2, 70],
  ] as const) {
    const { keys, values, shape: stored } = pool.read(index, first, 1)
    const dropped = pool.dropped(index, first)
    expect(dropped).toBeLessThanOrEqual(Math.max(0, sequence.length - window + 1))
    expect(stored[2]).toBeGreaterThanOrEqual(sequence.length - dropped)
    for (let position = dropped; position < sequence.length; position++) {
      for (let head = 0; head < layer.heads; head++) {
        const at = (head * stored[2]! + position - dropped) * layer.headSize
        expect(keys[at]).toBe(rowOf(sequence.tokens[position]!, position))
        expect(values[at]).toBe(-rowOf(sequence.tokens[position]!, position))
      }
    }
  }
}

const begin = (sequences: Sequences, prompt: readonly number[], beginning?: Beginning): Sequence => {
  const sequence = sequences.begin(prompt, beginning)!
  const rest = prompt.slice(sequence.length)
  extend(sequences, sequences.single(sequence), [rest])
  return sequence
}

const MiB = 2 ** 20

/** Begins a sequence whose keys and values are never written, so that large ones take no memory. */
const beginUnwritten = (sequences: Sequences, prompt: readonly number[]): Sequence => {
  const sequence = sequences.begin(prompt)!
  sequences.advance(sequence, prompt.slice(sequence.length))
  return sequence
}

const prompt = (length: number, seed = 0) => Array.from({ length }, (_, index) => (index * 7 + seed) % 50)

describe('cached sequences', () => {
  test('keep every row, however they begin, run together, grow and end', () => {
    const action = fc.record({
      kind: fc.constantFrom('begin', 'step', 'step', 'retire'),
      length: fc.integer({ min: 1, max: 600 }),
      pick: fc.array(fc.nat(9), { minLength: 1, maxLength: 6 }),
    })
    fc.assert(
      fc.property(fc.array(action, { maxLength: 25 }), (actions) => {
        const sequences = createSequences(shape)
        const alive: Sequence[] = []
        for (const { kind, length, pick } of actions) {
          if (kind === 'begin') alive.push(begin(sequences, prompt(length, length % 3)))
          const chosen = [...new Set(pick.flatMap((index) => alive[index] ?? []))]
          if (kind === 'retire' && chosen.length > 0) {
            sequences.retire(chosen[0]!)
            alive.splice(alive.indexOf(chosen[0]!), 1)
          }
          if (kind === 'step' && chosen.length > 0) {
            const batch = sequences.together(chosen)
            expect(batch.sequences).toContain(chosen[0])
            const tokens = batch.sequences.map(({ length: cached }) => [cached % 50])
            extend(sequences, batch, tokens)
          }
          for (const sequence of alive) check(sequences, sequence)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('a prompt begins with what a sequence has cached that has ended, and with what a running one has', () => {
    const sequences = createSequences({ layers: [layer, layer, layer] })
    const ended = begin(sequences, prompt(300))
    sequences.retire(ended)
    const continued = sequences.begin([...prompt(300), 1, 2, 3])!
    expect(continued.length).toBe(300)
    const sibling = sequences.begin([...prompt(200), 49, 49])!
    expect(sibling.length).toBe(200)
    check(sequences, continued)
    check(sequences, sibling)
  })

  test('a prompt that begins like a longer sequence cannot go on from a window that has moved on', () => {
    const sequences = createSequences(shape)
    sequences.retire(begin(sequences, prompt(400)))
    expect(sequences.begin([...prompt(200), 49, 49])!.length).toBe(0)
    expect(sequences.begin([...prompt(400), 1, 2, 3])!.length).toBe(400)
  })

  test('a sequence that outgrows the positions of short ones is computed again, and shares no beginning with them', () => {
    const sequences = createSequences({ ...shape, longRope: 30 })
    const sequence = begin(sequences, prompt(29))
    expect(sequences.extend(sequence, [1])).toEqual([1])
    extend(sequences, sequences.single(sequence), [[1]])
    const all = [...prompt(29), 1, 2]
    expect(sequences.extend(sequence, [2])).toEqual(all)
    expect(sequence).toMatchObject({ length: 0, isLong: true })
    extend(sequences, sequences.single(sequence), [all])
    check(sequences, sequence)
    expect(sequences.begin(prompt(25))!.length).toBe(0)
    expect(sequences.begin([...all, 3, 4])!.length).toBe(31)
    // Read again from the beginning, it is read as it was.
    const again = sequences.begin([...all, 3, 4], { prompt: 29, scope: 'another' })
    expect(again).toMatchObject({ length: 0, prompt: sequence.prompt })
  })

  test('the last two tokens of a prompt are always read: logits are wanted, and one alone is summed in another order', () => {
    const sequences = createSequences(shape)
    sequences.retire(begin(sequences, prompt(100)))
    expect(sequences.begin(prompt(100))!.length).toBe(98)
  })

  test('tokens behind a prompt are those of a sequence with the same prompt: of others only the prompt is', () => {
    const sequences = createSequences({ layers: [layer, layer, layer] })
    const tokens = [...prompt(100), ...prompt(20, 3)]
    const running = begin(sequences, prompt(100))
    for (const token of prompt(20, 3)) extend(sequences, sequences.single(running), [[token]])
    const lengthFor = (prompt: number) => {
      const sequence = sequences.begin([...tokens, 1, 2], { prompt })!
      expect(sequence.prompt).toBe(prompt)
      return sequence.length
    }
    // The last one of a prompt is not read alone.
    expect([lengthFor(90), lengthFor(100)]).toEqual([88, 120])
    expect(sequences.begin([...tokens, 1, 2])!.length).toBe(120)
  })

  test('short sequences do not run with long ones, whose caches would have to be copied for them', () => {
    const sequences = createSequences(shape)
    const [long, short, middle] = [2000, 20, 1500].map((length) => begin(sequences, prompt(length, length)))
    expect(sequences.together([long!, short!, middle!]).sequences).toEqual(
      expect.arrayContaining([long, middle]),
    )
    expect(sequences.together([short!, long!]).sequences).toEqual([short])
  })

  test.each([
    ['one of 160 MiB after the other', 160, [1, 1, 1, 1]],
    ['short and long ones of 90 and 180 MiB', 90, [1, 2, 1, 1, 2, 2]],
  ])('ended ones are kept up to 256 MiB and one more slot: %s', (_name, size, steps) => {
    // 256 positions of this many elements, as keys and as values.
    const sequences = createSequences({
      layers: [{ kind: 'kv', heads: 1, headSize: (size * MiB) / (256 * 4 * 2) }],
    })
    for (const [seed, count] of steps.entries()) {
      const running = beginUnwritten(sequences, Array(256 * count).fill(seed))
      expect(sequences.byteLength).toBeGreaterThanOrEqual(size * count * MiB)
      expect(sequences.byteLength).toBeLessThanOrEqual((256 + size * count) * MiB)
      sequences.retire(running)
      expect(sequences.byteLength).toBeGreaterThanOrEqual(sequences.keptByteLength)
    }
  })

  test('memory goes back when sequences end that nothing could be taken from', () => {
    const sequences = createSequences(shape)
    const short = begin(sequences, prompt(5))
    expect(sequences.byteLength).toBeGreaterThan(0)
    sequences.retire(short)
    expect(sequences.byteLength).toBe(0)
  })
})

describe('sequences of scopes', () => {
  test('begin with what is cached of their own scope only, whether it has ended or not', () => {
    const sequences = createSequences({ layers: [layer, layer, layer] })
    sequences.retire(begin(sequences, prompt(100), { scope: 'ada' }))
    const running = begin(sequences, prompt(90), { scope: 'bob' })
    expect(running.length).toBe(90)
    const of = (scope?: string) => sequences.begin([...prompt(100), 1, 2], { scope })!.length
    expect([of('ada'), of('bob'), of('eve'), of()]).toEqual([100, 90, 0, 0])
  })

  test('do not begin with anything where all tokens are to be computed', () => {
    const sequences = createSequences({ layers: [layer, layer, layer] })
    sequences.retire(begin(sequences, prompt(100)))
    expect(sequences.begin(prompt(100), { reuse: false })!.length).toBe(0)
  })
})

describe('a budget', () => {
  /** Of a sequence of up to 256 tokens. */
  const one = 2 * 256 * WIDTH * 4
  const flat = { layers: Array.from({ length: 8 }, () => layer) }
  const budgetOf = (slots: number) => 8 * one * slots + (one / 2) * slots

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
})
