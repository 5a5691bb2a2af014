import { Tensor } from 'onnxruntime-node'
import { DECODER } from './decoder-ports.js'

/** The new tokens of one run. */
export interface NewTokens {
  /** As many for each sequence, one sequence behind the other. */
  readonly ids: ArrayLike<number>
  /** Tokens that each sequence has in the cache. */
  readonly lengths: readonly number[]
  /** Which of its new tokens' logits are wanted of every sequence, counted from 0. */
  readonly rows: readonly number[]
}

/** How a decoder graph takes tokens and gives logits. */
export interface TokenLayout {
  /** The tokens, and what says where they stand. */
  feeds(tokens: NewTokens): Record<string, Tensor>
  /** The wanted logits [B, R, vocabulary], of those that the graph returns. */
  logits(returned: Float32Array, tokens: NewTokens): Float32Array
}

export function tokenLayout(inputNames: readonly string[]): TokenLayout {
  if (!inputNames.includes(DECODER.pairedTokens)) return bySequence
  return inColumn(inputNames.includes(DECODER.pairedLogits))
}

/** A row of tokens for every sequence. */
const bySequence: TokenLayout = {
  feeds: ({ ids, lengths, rows }) => ({
    [DECODER.inputIds]: int64(ids, [lengths.length, ids.length / lengths.length]),
    [DECODER.logitsRows]: int64(rows, [rows.length]),
  }),
  logits: (returned) => returned,
}

/** All tokens in one column, the last one twice where their number is odd; see tokenRows. */
const inColumn = (pairsLogits: boolean): TokenLayout => ({
  feeds({ ids, lengths, rows }) {
    const count = ids.length / lengths.length
    const all = Array.from({ length: ids.length }, (_, row) => row)
    const paired = evened(all)
    const wanted = lengths.flatMap((_, sequence) => rows.map((row) => sequence * count + row))
    const logitsRows = pairsLogits ? evened(wanted) : wanted
    return {
      [DECODER.inputIds]: int64(
        paired.map((row) => ids[row]!),
        [paired.length, 1],
      ),
      [pairsLogits ? DECODER.pairedLogits : DECODER.logitsRows]: int64(logitsRows, [logitsRows.length]),
      [DECODER.attendedRows]: int64(
        all.flatMap((row) => [row, 0]),
        [lengths.length, count, 2],
      ),
      [DECODER.pairedTokens]: int64(
        paired.flatMap((row) => [Math.floor(row / count), row % count]),
        [paired.length, 1, 2],
      ),
    }
  },
  logits(returned, { lengths, rows }) {
    const wanted = lengths.length * rows.length
    if (!pairsLogits || wanted % 2 === 0) return returned
    return returned.subarray(0, (returned.length / (wanted + 1)) * wanted)
  },
})

/** Repeats the last one of an odd number. */
const evened = (rows: readonly number[]): readonly number[] =>
  rows.length % 2 === 0 ? rows : [...rows, rows.at(-1)!]

export const int64 = (values: ArrayLike<number>, shape: readonly number[]): Tensor =>
  new Tensor('int64', BigInt64Array.from(Array.from(values), BigInt), [...shape])
