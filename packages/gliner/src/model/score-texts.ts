import { type EncoderSession, type TensorRecord, type TextTokens, textOffsets } from '@hfquant/onnx'
import { textBatches } from '@hfquant/transformers'
import type { TextLogits } from '../decode/candidate.js'
import type { EncodedText } from '../text/encode-text.js'
import { PORTS } from './architecture.js'

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
  readonly signal?: AbortSignal | undefined
}

/**
 * What `read` makes of the logits of texts, in their order. Texts of like lengths are computed together; their logits are
 * gone with the next run.
 *
 * @throws the reason of `signal`, between two runs.
 */
export async function scoreTexts<Result>(
  inputs: readonly ScoredInput[],
  context: ScoreContext,
  read: (logits: TextLogits, index: number) => Result,
): Promise<readonly Result[]> {
  const results: Result[] = new Array(inputs.length)
  const texts: readonly TextTokens[] = inputs.map(({ encoded }) => ({ ids: encoded.ids }))
  for (const batch of textBatches(texts)) {
    context.signal?.throwIfAborted()
    const own = batch.map((index) => inputs[index]!)
    const feeds = feedsOf(own, context)
    const { logits } = await context.session.run(
      own.map(({ encoded }) => ({ ids: encoded.ids })),
      [PORTS.logits],
      feeds,
    )
    const data = logits!.data as Float32Array
    const labelStride = Math.max(...own.map(({ labels }) => labels))
    const size = data.length / own.length
    for (const [place, index] of batch.entries()) {
      const { encoded, labels } = own[place]!
      const logitsOfText = data.subarray(place * size, (place + 1) * size)
      results[index] = read({ data: logitsOfText, labelStride, labels, words: encoded.wordsRead }, index)
    }
  }
  return results
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
