import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Batch, createSequences, type Sequence, type Sequences } from './sequences.js'

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
  const { pool, first } = sequences.single(sequence, 0)
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

const begin = (sequences: Sequences, prompt: readonly number[]): Sequence => {
  const sequence = sequences.begin(prompt)
  const rest = prompt.slice(sequence.length)
  extend(sequences, sequences.single(sequence, rest.length), [rest])
  return sequence
}

const MiB = 2 ** 20

/** Begins a sequence whose keys and values are never written, so that large ones take no memory. */
const beginUnwritten = (sequences: Sequences, prompt: readonly number[]): Sequence => {
  const sequence = sequences.begin(prompt)
  sequences.single(sequence, prompt.length - sequence.length)
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
    const continued = sequences.begin([...prompt(300), 1, 2, 3])
    expect(continued.length).toBe(300)
    const sibling = sequences.begin([...prompt(200), 49, 49])
    expect(sibling.length).toBe(200)
    check(sequences, continued)
    check(sequences, sibling)
  })

  test('a prompt that begins like a longer sequence cannot go on from a window that has moved on', () => {
    const sequences = createSequences(shape)
    sequences.retire(begin(sequences, prompt(400)))
    expect(sequences.begin([...prompt(200), 49, 49]).length).toBe(0)
    expect(sequences.begin([...prompt(400), 1, 2, 3]).length).toBe(400)
  })

  test('a sequence that outgrows the positions of short ones is computed again, and shares no beginning with them', () => {
    const sequences = createSequences({ ...shape, longRope: 30 })
    const sequence = begin(sequences, prompt(29))
    expect(sequences.extend(sequence, [1])).toEqual([1])
    extend(sequences, sequences.single(sequence, 1), [[1]])
    const all = [...prompt(29), 1, 2]
    expect(sequences.extend(sequence, [2])).toEqual(all)
    expect(sequence).toMatchObject({ length: 0, isLong: true })
    extend(sequences, sequences.single(sequence, 31), [all])
    check(sequences, sequence)
    expect(sequences.begin(prompt(25)).length).toBe(0)
    expect(sequences.begin([...all, 3, 4]).length).toBe(31)
  })

  test('the last two tokens of a prompt are always read: logits are wanted, and one alone is summed in another order', () => {
    const sequences = createSequences(shape)
    sequences.retire(begin(sequences, prompt(100)))
    expect(sequences.begin(prompt(100)).length).toBe(98)
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
