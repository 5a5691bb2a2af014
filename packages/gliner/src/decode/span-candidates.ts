import { type Candidate, sigmoid, type TextLogits } from './candidate.js'

/**
 * Spans whose probability is greater than the threshold, in the order of start, width and label, which decides between
 * equal scores. Logits: [words, maxWidth, labelStride].
 *
 * @param withProbabilities candidates have those of all labels.
 */
export function spanCandidates(
  { data, labelStride, labels, words }: TextLogits,
  maxWidth: number,
  threshold: number,
  withProbabilities = false,
): readonly Candidate[] {
  const candidates: Candidate[] = []
  for (let start = 0; start < words; start++) {
    const widest = Math.min(maxWidth, words - start)
    for (let width = 0; width < widest; width++) {
      const row = (start * maxWidth + width) * labelStride
      for (let label = 0; label < labels; label++) {
        const score = sigmoid(data[row + label]!)
        if (!(score > threshold)) continue
        const all = withProbabilities ? Array.from(data.subarray(row, row + labels), sigmoid) : undefined
        candidates.push({ start, end: start + width, label, score, ...(all && { probabilities: all }) })
      }
    }
  }
  return candidates
}
