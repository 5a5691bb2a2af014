import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { begin, beginUnwritten, check, extend, layer, prompt, shape } from '../testing/sequences.fixture.js'
import { createSequences, type Sequence, type Sequences } from './sequences.js'

const MiB = 2 ** 20

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

  describe('become longer where they lie', () => {
    const poolOf = (sequences: Sequences, sequence: Sequence) => sequences.single(sequence).pool

    test('one alone, and one that goes on after it had ended', () => {
      const sequences = createSequences(shape)
      const alone = begin(sequences, prompt(256))
      const pool = poolOf(sequences, alone)
      expect(sequences.reserve(alone, 1)).toBe(true)
      check(sequences, alone)
      sequences.retire(alone)
      const continued = begin(sequences, [...prompt(256), ...prompt(900, 2)])
      check(sequences, continued)
      expect(poolOf(sequences, continued)).toBe(pool)
      expect(pool).toMatchObject({ capacity: 1280, slots: 1 })
    })

    test('those that run together, but none that has ended', () => {
      const sequences = createSequences(shape)
      const both = [begin(sequences, prompt(256)), begin(sequences, prompt(200, 1))]
      const pool = poolOf(sequences, both[0]!)
      expect(sequences.reserve(both[0]!, 1)).toBe(true)
      for (const sequence of both) {
        expect(poolOf(sequences, sequence)).toBe(pool)
        check(sequences, sequence)
      }
      expect(pool.capacity).toBe(512)
      sequences.retire(both[1]!)
      expect(sequences.reserve(both[0]!, 300)).toBe(true)
      expect(poolOf(sequences, both[0]!)).not.toBe(pool)
      expect(pool.capacity).toBe(512)
    })

    test('unless there is no memory for it: they are what they were, and are counted', () => {
      const sequences = createSequences(shape)
      const alone = begin(sequences, prompt(256))
      const { byteLength } = sequences
      const resize = vi.spyOn(ArrayBuffer.prototype, 'resize').mockImplementationOnce(() => {
        throw new RangeError('no memory')
      })
      expect(() => sequences.reserve(alone, 1)).toThrow(RangeError)
      resize.mockRestore()
      expect(sequences.byteLength).toBe(byteLength)
      check(sequences, alone)
      expect(poolOf(sequences, begin(sequences, prompt(200, 1)))).toBe(poolOf(sequences, alone))
      expect(sequences.reserve(alone, 1)).toBe(true)
      check(sequences, alone)
    })
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
