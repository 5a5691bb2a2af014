import { type Calibration, ConfigError, quote } from '@hfquant/core/runtime'
import type { CalibrationSettings } from './calibration-settings.js'
import { readSamples } from './read-samples.js'

/** Tokens of a sequence that texts are cut into, unless the settings or the model say otherwise. */
const DEFAULT_SEQUENCE_LENGTH = 2048
/** A remainder of a text that is shorter than this says too little. */
const SHORTEST_REMAINDER = 10
/** Fewer tokens than this calibrate nothing, whatever the size of the model. */
const FEWEST_TOKENS = 64

/**
 * The token sequences to calibrate with. Texts are joined, each with its special tokens, and cut into sequences of equal
 * length; lists of token ids are taken as they are, cut to the length that the model takes.
 *
 * @throws ConfigError CALIBRATION_EMPTY or CALIBRATION_TOO_SHORT for too little data, CALIBRATION_SAMPLE,
 * TOKEN_OUT_OF_RANGE, and whatever reading a file may throw.
 */
export async function collectSequences(
  settings: CalibrationSettings,
  calibration: Calibration,
): Promise<readonly Int32Array[]> {
  const { samples, dataset } = settings
  const length = Math.min(settings.sequenceLength ?? DEFAULT_SEQUENCE_LENGTH, calibration.maxPositions)
  const sequences: Int32Array[] = []
  let rest: number[] = []
  let index = 0
  for await (const sample of readSamples(dataset)) {
    if (typeof sample === 'string') {
      const tokens = await calibration.tokenize(sample)
      // One by one: a text may have more tokens than a call has arguments.
      for (const token of tokens) rest.push(token)
      if (calibration.endToken !== undefined && rest.at(-1) !== calibration.endToken)
        rest.push(calibration.endToken)
      const whole = Math.min(Math.floor(rest.length / length), samples - sequences.length)
      for (let cut = 0; cut < whole; cut++) {
        sequences.push(Int32Array.from(rest.slice(cut * length, (cut + 1) * length)))
      }
      rest = rest.slice(whole * length)
    } else if (lengthOf(sample, index) > 0) {
      checkTokens(sample, index, calibration.vocabSize)
      sequences.push(Int32Array.from(sample.slice(0, calibration.maxPositions)))
    }
    index += 1
    if (sequences.length >= samples) break
  }
  if (sequences.length < samples && rest.length >= SHORTEST_REMAINDER) {
    sequences.push(Int32Array.from(rest))
    rest = []
  }
  checkAmount(sequences, rest.length)
  return sequences
}

/** Tokens of a sample that is no text: a source may give anything. */
function lengthOf(sample: unknown, index: number): number {
  const { length } = Object(sample) as { readonly length?: unknown }
  if (typeof length === 'number') return length
  throw new ConfigError(
    'CALIBRATION_SAMPLE',
    `calibration sample ${index} is ${quote(sample)}, expected a text or a list of token ids`,
    {
      field: 'dataset',
      found: sample,
      expected: 'a text, or a list of token ids',
      hint: 'Give the text of a row alone.',
    },
  )
}

function checkTokens(ids: readonly number[], sample: number, vocabSize: number): void {
  const wrong = ids.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize))
  if (wrong < 0) return
  throw new ConfigError(
    'TOKEN_OUT_OF_RANGE',
    `token ${ids[wrong]} at position ${wrong} of calibration sample ${sample} is not in the vocabulary, expected 0 to ${vocabSize - 1}`,
    {
      field: 'dataset',
      found: ids[wrong],
      expected: `0 to ${vocabSize - 1}`,
      hint: 'Use the tokenizer that belongs to the model.',
    },
  )
}

/** @param dropped tokens of a remainder that is too short to be a sequence. */
function checkAmount(sequences: readonly Int32Array[], dropped: number): void {
  const used = sequences.reduce((sum, { length }) => sum + length, 0)
  if (used >= FEWEST_TOKENS) return
  const tokens = used + dropped
  throw new ConfigError(
    tokens === 0 ? 'CALIBRATION_EMPTY' : 'CALIBRATION_TOO_SHORT',
    tokens === 0
      ? 'the calibration data holds no text and no tokens'
      : `the calibration data holds ${tokens} tokens, expected at least ${FEWEST_TOKENS}`,
    {
      field: 'dataset',
      found: tokens,
      expected: FEWEST_TOKENS,
      hint: 'Usual are 128 sequences of 2048 tokens of text like that which the model will see.',
    },
  )
}
