/** Sequences of equal length that are run together. */
export interface Batch {
  /** [sequences, tokens] */
  readonly ids: Int32Array
  readonly sequences: number
}

/** Tokens of a run. Part of the result, because it decides the order in which sums are added up. */
const RUN_TOKENS = 1024

/** Neighbours of equal length form batches. */
export function planBatches(sequences: readonly Int32Array[]): readonly Batch[] {
  const batches: Int32Array[][] = []
  for (const ids of sequences) {
    const last = batches.at(-1)
    const fits =
      last !== undefined && last[0]!.length === ids.length && (last.length + 1) * ids.length <= RUN_TOKENS
    if (fits) last.push(ids)
    else batches.push([ids])
  }
  return batches.map((members) => ({
    ids: Int32Array.from(members.flatMap((ids) => [...ids])),
    sequences: members.length,
  }))
}
