import { join } from 'node:path'
import { openSafetensors } from '@hfquant/safetensors'

/** Logits: [sequence][token][id]. */
export type Logits = readonly (readonly ArrayLike<number>[])[]

export interface Expected {
  readonly sequences: readonly (readonly number[])[]
  /** Of the sequences. */
  readonly logits: Logits
  /** A prompt of 8 tokens, and what greedy decoding adds. */
  readonly greedy: readonly number[]
}

/** What Python's transformers computed. */
export async function readExpected(folder: string): Promise<Expected> {
  await using file = await openSafetensors(join(folder, 'expected.safetensors'))
  const integers = async (tensor: string) =>
    Array.from(new BigInt64Array((await file.read(tensor)).slice().buffer), Number)
  const ids = await integers('input_ids') // [2, 24]
  const sequences = [ids.slice(0, ids.length / 2), ids.slice(ids.length / 2)]
  const flat = new Float32Array((await file.read('logits')).slice().buffer) // [2, 24, vocabulary]
  return { sequences, logits: inRows(flat, sequences), greedy: await integers('greedy') }
}

/** Logits [sequences, tokens, vocabulary], row by row. */
export function inRows(flat: Float32Array, sequences: readonly (readonly number[])[]): Logits {
  const width = flat.length / sequences.flat().length
  let row = 0
  return sequences.map((ids) => ids.map(() => flat.subarray(row * width, ++row * width)))
}

/** max |found − wanted| / max |wanted| */
export function relativeError(found: Logits, wanted: Logits): number {
  let [error, largest] = [0, 0]
  for (const [index, rows] of wanted.entries()) {
    for (const [position, row] of rows.entries()) {
      const other = found[index]?.[position] ?? []
      if (other.length !== row.length) throw new RangeError(`${other.length} logits, ${row.length} wanted`)
      for (let id = 0; id < row.length; id++) {
        // JSON has null for what is not a number.
        const difference = Math.abs((other[id] ?? Number.NaN) - row[id]!)
        error = Math.max(error, difference)
        largest = Math.max(largest, Math.abs(row[id]!))
      }
    }
  }
  return error / largest
}

export interface Choices {
  /** Where another token is the likeliest. */
  readonly different: readonly string[]
  /** Share of positions that are no near ties. */
  readonly decided: number
}

/**
 * Compares the likeliest token of every position where it leads by more than an error of `tolerance`, as a share of the
 * largest logit, can undo on both sides.
 */
export function compareChoices(found: Logits, wanted: Logits, tolerance: number): Choices {
  const different: string[] = []
  let [decided, positions] = [0, 0]
  for (const [index, rows] of wanted.entries()) {
    for (const [position, row] of rows.entries()) {
      const values = Array.from(row)
      const [first = 0, second = 0] = values.toSorted((left, right) => right - left)
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      positions += 1
      if (first - second <= 2 * tolerance * largest) continue
      decided += 1
      const other = Array.from(found[index]![position]!)
      const choice = other.indexOf(Math.max(...other))
      if (choice === values.indexOf(first)) continue
      different.push(
        `token ${position} of sequence ${index}: ${choice} is the likeliest, not ${values.indexOf(first)}`,
      )
    }
  }
  return { different, decided: decided / positions }
}
