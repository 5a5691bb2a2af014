import * as testkit from '@hfquant/testkit'

/** Logits: [sequence][token][id]. */
export type Logits = readonly (readonly ArrayLike<number>[])[]

/** What another implementation computed, row by row. */
export interface Expected extends Pick<testkit.Expected, 'sequences' | 'greedy'> {
  /** Of the sequences. */
  readonly logits: Logits
}

/** What Python's transformers computed. */
export async function readExpected(folder: string): Promise<Expected> {
  const { sequences, logits, greedy } = await testkit.readExpected(folder)
  return { sequences, logits: inRows(logits, sequences), greedy }
}

/** Logits [sequences, tokens, vocabulary], row by row. */
export function inRows(flat: Float32Array, sequences: readonly (readonly number[])[]): Logits {
  const width = flat.length / sequences.flat().length
  let row = 0
  return sequences.map((ids) => ids.map(() => flat.subarray(row * width, ++row * width)))
}

/** max |found − wanted| / max |wanted| of the rows that are wanted. */
export function relativeError(found: Logits, wanted: Logits): number {
  const rows = found.map((each, index) => each.slice(0, wanted[index]?.length ?? 0))
  return testkit.relativeError(flattened(rows), flattened(wanted))
}

/** The same of each token, from the smallest on. */
export function tokenErrors(found: Logits, wanted: Logits): readonly number[] {
  const largest = flattened(wanted).reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const errors = wanted.flatMap((rows, index) =>
    rows.map((row, token) => {
      const differences = Array.from(row, (value, id) =>
        Math.abs(value - (found[index]?.[token]?.[id] ?? Number.POSITIVE_INFINITY)),
      )
      return Math.max(...differences) / largest
    }),
  )
  return errors.toSorted((left, right) => left - right)
}

/** The smallest of sorted numbers that a share of them do not exceed. */
export const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.ceil(share * sorted.length) - 1]!

/** JSON has null for what is not a number. */
const flattened = (logits: Logits): Float32Array =>
  Float32Array.from(logits.flat().flatMap((row) => Array.from(row, (value) => value ?? Number.NaN)))

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
      const other = Array.from(found[index]?.[position] ?? [])
      const choice = other.indexOf(Math.max(...other))
      if (choice === values.indexOf(first)) continue
      different.push(
        `token ${position} of sequence ${index}: ${choice} is the likeliest, not ${values.indexOf(first)}`,
      )
    }
  }
  return { different, decided: decided / positions }
}
