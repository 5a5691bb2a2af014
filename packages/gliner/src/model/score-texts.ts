import { type EncoderSession, type TensorRecord, type TextTokens, textOffsets } from '@hfquant/onnx'
import { textBatches } from '@hfquant/transformers'
import type { TextLogits } from '../decode/candidate.js'
import type { EncodedText } from '../text/encode-text.js'
import { PORTS } from './architecture.js'
import { planRuns, type Run } from './plan-runs.js'

/** A text, or a part of one, to score. */
export interface ScoredInput {
  readonly encoded: EncodedText
  readonly labels: number
  /** Of a bi-encoder: [labels][D]. */
  readonly labelVectors?: readonly Float32Array[] | undefined
}

export interface ScoreContext {
  readonly session: EncoderSession
  readonly hiddenSize: number
  /** Whether the graph has an LSTM, which is told how many words a text has. */
  readonly recurs: boolean
  /** Numbers that a run holds of every pair of a word and a label; 0 where it holds none. */
  readonly pairSize: number
  readonly signal?: AbortSignal | undefined
}

/**
 * What `read` makes of the logits of texts, in their order. Texts of like lengths are computed together; their logits are
 * gone with the next run. Where a run would hold too many pairs of words and labels, fewer texts are computed at once, and
 * a single text is computed again for others of its labels.
 *
 * @throws the reason of `signal`, between two runs.
 */
export async function scoreTexts<Result>(
  inputs: readonly ScoredInput[],
  context: ScoreContext,
  read: (logits: TextLogits, index: number) => Result,
): Promise<readonly Result[]> {
  const results: Result[] = new Array(inputs.length)
  const sizes = inputs.map(({ encoded, labels }) => ({ words: encoded.wordTokens.length, labels }))
  const batches = textBatches(inputs.map(({ encoded }) => ({ ids: encoded.ids })))
  for (const runs of planRuns(batches, sizes, context.pairSize)) {
    const logits = await (runs.length === 1 ? run(runs[0]!, inputs, context) : runAll(runs, inputs, context))
    for (const [place, index] of runs[0]!.texts.entries()) results[index] = read(logits[place]!, index)
  }
  return results
}

/** Logits of each text of a run, which the next run overwrites. */
async function run(
  { texts, labelsFrom, labelsTo }: Run,
  inputs: readonly ScoredInput[],
  context: ScoreContext,
): Promise<readonly TextLogits[]> {
  context.signal?.throwIfAborted()
  const own = texts.map((index) => partOfLabels(inputs[index]!, labelsFrom, labelsTo))
  const tokens: readonly TextTokens[] = own.map(({ encoded }) => ({ ids: encoded.ids }))
  const { logits } = await context.session.run(tokens, [PORTS.logits], feedsOf(own, context))
  const data = logits!.data as Float32Array
  const labelStride = Math.max(...own.map(({ labels }) => labels))
  const size = data.length / own.length
  return own.map(({ encoded, labels }, place) => ({
    data: data.subarray(place * size, (place + 1) * size),
    ...{ labelStride, labels, words: encoded.wordsRead },
  }))
}

/** Of one text, whose logits [words, labels, values] come in parts of the labels. */
async function runAll(
  runs: readonly Run[],
  inputs: readonly ScoredInput[],
  context: ScoreContext,
): Promise<readonly TextLogits[]> {
  const { labels, encoded } = inputs[runs[0]!.texts[0]!]!
  let data = new Float32Array(0)
  for (const each of runs) {
    const [part] = await run(each, inputs, context)
    const words = encoded.wordTokens.length
    const values = part!.data.length / (words * part!.labels)
    if (data.length === 0) data = new Float32Array(words * labels * values)
    const width = part!.labels * values
    for (let word = 0; word < words; word++) {
      const row = part!.data.subarray(word * width, (word + 1) * width)
      data.set(row, (word * labels + each.labelsFrom) * values)
    }
  }
  return [{ data, labelStride: labels, labels, words: encoded.wordsRead }]
}

function partOfLabels(input: ScoredInput, from: number, to: number): ScoredInput {
  if (from === 0 && to >= input.labels) return input
  const { encoded, labelVectors } = input
  return {
    encoded: { ...encoded, labelTokens: encoded.labelTokens.slice(from, to) },
    labels: to - from,
    labelVectors: labelVectors?.slice(from, to),
  }
}

/** Texts side by side, padded with words and labels that nobody looks at. */
function feedsOf(inputs: readonly ScoredInput[], { hiddenSize, recurs }: ScoreContext): TensorRecord {
  const offsets = textOffsets(inputs.map(({ encoded }) => ({ ids: encoded.ids })))
  const words = Math.max(...inputs.map(({ encoded }) => encoded.wordTokens.length))
  const labels = Math.max(...inputs.map((input) => input.labels))
  const wordRows = new BigInt64Array(inputs.length * words)
  const isWord = new Float32Array(wordRows.length)
  for (const [text, { encoded }] of inputs.entries()) {
    for (const [word, token] of encoded.wordTokens.entries()) {
      if (token === undefined) continue
      wordRows[text * words + word] = BigInt(offsets[text]! + token)
      isWord[text * words + word] = 1
    }
  }
  const counts = Int32Array.from(inputs, ({ encoded }) => encoded.wordTokens.length)
  const isBiEncoder = inputs[0]!.labelVectors !== undefined
  return {
    [PORTS.wordRows]: { dtype: 'int64', shape: [inputs.length, words], data: wordRows },
    [PORTS.isWord]: { dtype: 'float32', shape: [inputs.length, words, 1], data: isWord },
    ...(recurs && { [PORTS.wordCounts]: { dtype: 'int32', shape: [inputs.length], data: counts } }),
    ...(isBiEncoder
      ? { [PORTS.labelVectors]: labelVectors(inputs, labels, hiddenSize) }
      : { [PORTS.labelRows]: labelRows(inputs, labels, offsets) }),
  }
}

function labelRows(
  inputs: readonly ScoredInput[],
  labels: number,
  offsets: readonly number[],
): TensorRecord[string] {
  const data = new BigInt64Array(inputs.length * labels)
  for (const [text, { encoded }] of inputs.entries()) {
    for (const [label, token] of encoded.labelTokens.entries())
      data[text * labels + label] = BigInt(offsets[text]! + token)
  }
  return { dtype: 'int64', shape: [inputs.length, labels], data }
}

function labelVectors(
  inputs: readonly ScoredInput[],
  labels: number,
  hiddenSize: number,
): TensorRecord[string] {
  const data = new Float32Array(inputs.length * labels * hiddenSize)
  for (const [text, { labelVectors = [] }] of inputs.entries()) {
    for (const [label, vector] of labelVectors.entries())
      data.set(vector, (text * labels + label) * hiddenSize)
  }
  return { dtype: 'float32', shape: [inputs.length, labels, hiddenSize], data }
}
