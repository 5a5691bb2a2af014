/** A span of words with a label, before it is chosen. */
export interface Candidate {
  /** Of the first and the last word. */
  readonly start: number
  readonly end: number
  /** Of its label among those of the text. */
  readonly label: number
  /** Probability, rounded to float32 as the library has it: what is equal there must be equal here. */
  readonly score: number
  /** Of every label, for who asks for them. */
  readonly probabilities?: readonly number[] | undefined
}

export const sigmoid = (logit: number): number => Math.fround(1 / (1 + Math.exp(-logit)))

/** Logits of one text. */
export interface TextLogits {
  readonly data: Float32Array
  /** Numbers of a word are those of all labels, of this text and of those that were computed beside it. */
  readonly labelStride: number
  /** Labels of the text itself. */
  readonly labels: number
  /** Words that can be part of an entity. */
  readonly words: number
}

/** The same behind so many words. */
export const moved = (candidate: Candidate, words: number): Candidate => ({
  ...candidate,
  start: candidate.start + words,
  end: candidate.end + words,
})
