import { expect } from 'vitest'
import type { Batch, Beginning, Sequence, Sequences } from '../session/sequences.js'

export const layer = { kind: 'kv', heads: 2, headSize: 3 } as const
/** The last layer looks back 70 tokens only. */
export const shape = { layers: [layer, layer, { ...layer, window: 70 }] }
export const WIDTH = layer.heads * layer.headSize

/** What a key row holds: something that only this token at this place has. */
const rowOf = (token: number, position: number) => token * 1000 + position

/** Does to the caches what a run does: appends tokens to every sequence of a batch. */
export function extend(
  sequences: Sequences,
  { pool, first, sequences: members }: Batch,
  tokens: number[][],
): void {
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
export function check(sequences: Sequences, sequence: Sequence): void {
  const { pool, first } = sequences.single(sequence)
  for (const [index, window] of [
    [1, Number.POSITIVE_INFINITY],
    [2, 70],
  ] as const) {
    const { keys, values, shape: stored } = pool.read(index, first, 1)
    const dropped = pool.dropped(index, first)
    expect(dropped).toBeLessThanOrEqual(Math.max(0, sequence.length - window + 1))
    expect(stored[2]).toBeGreaterThanOrEqual(sequence.length - dropped)
    const wrong: object[] = []
    for (let position = dropped; position < sequence.length; position++) {
      const row = rowOf(sequence.tokens[position]!, position)
      for (let head = 0; head < layer.heads; head++) {
        const at = (head * stored[2]! + position - dropped) * layer.headSize
        // An expectation for each of a million numbers takes half a minute.
        if (keys[at] === row && values[at] === -row) continue
        wrong.push({ layer: index, position, head, row, key: keys[at], value: values[at] })
      }
    }
    expect(wrong).toEqual([])
  }
}

export function begin(sequences: Sequences, prompt: readonly number[], beginning?: Beginning): Sequence {
  const sequence = sequences.begin(prompt, beginning)!
  extend(sequences, sequences.single(sequence), [prompt.slice(sequence.length)])
  return sequence
}

/** Begins a sequence whose keys and values are never written, so that large ones take no memory. */
export function beginUnwritten(sequences: Sequences, prompt: readonly number[]): Sequence {
  const sequence = sequences.begin(prompt)!
  sequences.advance(sequence, prompt.slice(sequence.length))
  return sequence
}

export const prompt = (length: number, seed = 0) =>
  Array.from({ length }, (_, index) => (index * 7 + seed) % 50)
