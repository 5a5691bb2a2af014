import { type Candidate, sigmoid, type TextLogits } from './candidate.js'

/** Numbers of a word and a label. */
const PARTS = 3
const [START, END, INSIDE] = [0, 1, 2]

/**
 * Spans between a word that starts an entity and one that ends it, all of whose words are inside of it. Starts and ends
 * have to be above the threshold, insides may equal it. The score is the smallest of all of them; the order, which decides
 * between equal scores, is that of the start, its label, the end. Logits: [words, labelStride, 3].
 */
export function tokenCandidates(logits: TextLogits, threshold: number): readonly Candidate[] {
  const { data, labelStride, labels, words } = logits
  const score = (word: number, label: number, part: number) =>
    sigmoid(data[(word * labelStride + label) * PARTS + part]!)
  const candidates: Candidate[] = []
  for (let start = 0; start < words; start++) {
    for (let label = 0; label < labels; label++) {
      const startScore = score(start, label, START)
      if (!(startScore > threshold)) continue
      let inside = startScore
      for (let end = start; end < words; end++) {
        const insideScore = score(end, label, INSIDE)
        if (!(insideScore >= threshold)) break
        inside = Math.min(inside, insideScore)
        const endScore = score(end, label, END)
        if (endScore > threshold) candidates.push({ start, end, label, score: Math.min(inside, endScore) })
      }
    }
  }
  return candidates
}
