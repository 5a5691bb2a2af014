/** Some of the texts of a call, and of their labels those from `labelsFrom` to before `labelsTo`. */
export interface Run {
  readonly texts: readonly number[]
  readonly labelsFrom: number
  readonly labelsTo: number
}

/** Of a text: what is compared in pairs. */
interface PairSizes {
  readonly words: number
  readonly labels: number
}

/** float32 values of all pairs that are held at once: 256 MiB. */
const MOST_VALUES = 2 ** 26

/**
 * The runs that score texts: one for each batch, or for parts of a batch that would hold too many pairs of words and labels
 * at once; of a single text that still has too many, several that each take some of its labels.
 *
 * @param batches indices of texts
 * @param sizes of every text; texts are padded to the most words and the most labels of those beside them
 * @param pairSize values that are held of a pair; 0 where none are
 * @returns lists of runs over the same texts.
 */
export function planRuns(
  batches: readonly (readonly number[])[],
  sizes: readonly PairSizes[],
  pairSize: number,
): readonly (readonly Run[])[] {
  const mostPairs = pairSize === 0 ? Number.POSITIVE_INFINITY : Math.floor(MOST_VALUES / pairSize)
  return batches
    .flatMap((batch) => partsOf(batch, sizes, mostPairs))
    .map((texts) => {
      const { words, labels } = largest(texts, sizes)
      const fitting = Math.max(1, Math.floor(mostPairs / Math.max(words, 1)))
      const step = texts.length > 1 ? labels : Math.min(labels, fitting)
      return Array.from({ length: Math.ceil(labels / step) }, (_, part) => ({
        texts,
        labelsFrom: part * step,
        labelsTo: Math.min((part + 1) * step, labels),
      }))
    })
}

/** As few parts as hold no more pairs than allowed, texts in their order; a text that has more stands alone. */
function partsOf(
  batch: readonly number[],
  sizes: readonly PairSizes[],
  mostPairs: number,
): readonly (readonly number[])[] {
  const parts: number[][] = []
  for (const index of batch) {
    const open = parts.at(-1)
    const { words, labels } = largest([...(open ?? []), index], sizes)
    if (open !== undefined && (open.length + 1) * words * labels <= mostPairs) open.push(index)
    else parts.push([index])
  }
  return parts
}

function largest(texts: readonly number[], sizes: readonly PairSizes[]): PairSizes {
  const own = texts.map((index) => sizes[index]!)
  const most = (values: readonly number[]) => values.reduce((all, value) => Math.max(all, value), 0)
  return { words: most(own.map(({ words }) => words)), labels: most(own.map(({ labels }) => labels)) }
}
