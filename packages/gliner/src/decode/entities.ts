import { codePointOffsets } from '@hfquant/transformers'
import type { CheckedPredictOptions, TextSpan } from '../predict-options.js'
import type { Word } from '../text/split-words.js'
import type { Candidate } from './candidate.js'
import { chooseSpans } from './choose-spans.js'

/** An entity of a text. */
export interface Entity {
  /** Of its first character; UTF-16 units, unless `offsets` says otherwise. */
  readonly start: number
  /** Behind its last character. */
  readonly end: number
  readonly text: string
  readonly label: string
  /** Probability. */
  readonly score: number
  /** The five best labels of this span, best first, where they were asked for. */
  readonly classProbs?: readonly { readonly label: string; readonly score: number }[]
}

/** A text of a call. */
export interface Document {
  readonly text: string
  readonly words: readonly Word[]
  readonly labels: readonly string[]
  /** The spans that may be entities; undefined for all. */
  readonly spans: readonly TextSpan[] | undefined
}

/** The candidates that are chosen, by their start, as parts of the text. */
export function entitiesOf(
  { text, words, labels, spans }: Document,
  candidates: readonly Candidate[],
  options: CheckedPredictOptions,
): readonly Entity[] {
  const offset = options.offsets === 'utf16' ? (units: number) => units : codePointOffsets(text)
  const place = ({ start, end }: Pick<Candidate, 'start' | 'end'>): TextSpan => ({
    start: offset(words[start]!.start),
    end: offset(words[end]!.end),
  })
  const keyOf = ({ start, end }: TextSpan) => `${start} ${end}`
  const wanted = spans && new Set(spans.map(keyOf))
  const possible = wanted ? candidates.filter((span) => wanted.has(keyOf(place(span)))) : candidates
  return chooseSpans(possible, options).map((span) => ({
    ...place(span),
    text: text.slice(words[span.start]!.start, words[span.end]!.end),
    ...{ label: labels[span.label]!, score: span.score },
    ...(span.probabilities && { classProbs: bestOf(span.probabilities, labels) }),
  }))
}

/** As many as the library gives. */
const BEST = 5

const bestOf = (probabilities: readonly number[], labels: readonly string[]) =>
  probabilities
    .map((score, index) => ({ label: labels[index]!, score }))
    .sort((a, b) => b.score - a.score)
    .slice(0, BEST)
