import type { EncoderFacts } from '@hfquant/models'

/** A class with its score. */
export interface LabelScore {
  readonly label: string
  /** Probability of the class; of a regression, the number itself. */
  readonly score: number
}

/**
 * Scores of classes from their logits, in the order of the classes: of one class of all, softmax; of any number of them, or
 * a single one, the logistic function of each.
 */
export function scoresOf(
  logits: Float32Array,
  { labels, problem }: Pick<EncoderFacts, 'labels' | 'problem'>,
): readonly LabelScore[] {
  const scores = { 'single-label': softmax, 'multi-label': logistic, regression: same }[problem](logits)
  return labels.map((label, index) => ({ label, score: scores[index]! }))
}

const same = (logits: Float32Array): readonly number[] => Array.from(logits)

const logistic = (logits: Float32Array): readonly number[] =>
  Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)))

function softmax(logits: Float32Array): readonly number[] {
  const largest = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

/** The best first; of equal ones, the one that comes first. */
export const ranked = (scores: readonly LabelScore[]): readonly LabelScore[] =>
  [...scores].sort((a, b) => b.score - a.score)
