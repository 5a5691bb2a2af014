import {
  AutoModel,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  ConfigError,
  type EncoderTask,
  type LoadModelOptions,
  processMemory,
} from 'hfquant'
import type { Progress } from '../output/terminal.js'
import {
  type EncoderEvalResult,
  type EncoderEvalTask,
  type EncoderOutputs,
  REFERENCE_FD,
} from './protocol.js'
import { readRows, writeRows } from './reference-file.js'
import { likeliest } from './score.js'

/** Texts that are computed together; logits of a vocabulary take megabytes for each. */
const TEXTS_AT_ONCE = 16

/** Compares one encoder with the first, in a process of its own, so that its memory is that of this model alone. */
export async function evaluateEncoder(
  task: EncoderEvalTask,
  onProgress: (event: Progress) => void,
): Promise<EncoderEvalResult> {
  const { folder, compute, computes, texts } = task
  await using model = await OPENERS[computes](folder, { compute, onProgress })
  // The first run compiles, and lays out its memory.
  await model.rows(texts.slice(0, 1))
  const sums = { rows: 0, cosine: 0, leastCosine: 1, agreed: 0, seconds: 0 }
  const rowsOfTexts: number[] = []
  let columns = 0
  for (let done = 0; done < texts.length; done += TEXTS_AT_ONCE) {
    const start = performance.now()
    const own = await model.rows(texts.slice(done, done + TEXTS_AT_ONCE))
    sums.seconds += (performance.now() - start) / 1000
    columns = own.columns
    rowsOfTexts.push(...own.counts)
    demandSame(task, { rows: rowsOfTexts, columns, labels: model.labels })
    const reference = exchange(task.reference, own, sums.rows)
    compareRows(own.data, reference, columns, sums)
    sums.rows += own.data.length / columns
    onProgress({
      ...{ stage: 'evaluate', tensor: folder, done, total: texts.length, doneBytes: 0, totalBytes: 0 },
    })
  }
  const isVector = computes === 'hidden-states'
  const { anonymous, fileBacked, peakResident } = processMemory()
  return {
    outputs: { rows: rowsOfTexts, columns, labels: model.labels },
    cosine: isVector ? sums.cosine / sums.rows : null,
    leastCosine: isVector ? sums.leastCosine : null,
    agreement: isVector ? null : sums.agreed / sums.rows,
    textsPerSecond: texts.length / sums.seconds,
    anonymousBytes: anonymous,
    fileBackedBytes: fileBacked,
    peakRssBytes: peakResident,
  }
}

/** What an encoder gives of texts, row by row. */
interface Rows {
  readonly data: Float32Array
  /** Rows of each text. */
  readonly counts: readonly number[]
  readonly columns: number
}

interface EvaluatedModel extends AsyncDisposable {
  readonly labels: readonly string[]
  /** Vectors of texts; logits of texts, or of the tokens of all of them. Texts that are too long are cut. */
  rows(texts: readonly string[]): Promise<Rows>
}

const CUT = { truncation: true } as const

const OPENERS: Readonly<
  Record<EncoderTask, (folder: string, options: LoadModelOptions) => Promise<EvaluatedModel>>
> = {
  async 'hidden-states'(folder, options) {
    const model = await AutoModel.fromPretrained(folder, options)
    return evaluated(model, [], async (texts) => (await model.embed(texts)).map((vector) => [vector]))
  },
  async 'sequence-classification'(folder, options) {
    const model = await AutoModelForSequenceClassification.fromPretrained(folder, options)
    const logits = async (texts: readonly string[]) =>
      (await model.classify(texts, CUT)).map((text) => [text.logits])
    return evaluated(model, model.labels, logits)
  },
  async 'token-classification'(folder, options) {
    const model = await AutoModelForTokenClassification.fromPretrained(folder, options)
    const logits = async (texts: readonly string[]) =>
      (await model.classify(texts, CUT)).map((text) => rowsOf(text.logits, text.shape[1]))
    return evaluated(model, model.labels, logits)
  },
  async 'masked-lm'(folder, options) {
    const model = await AutoModelForMaskedLM.fromPretrained(folder, options)
    const logits = async (texts: readonly string[]) =>
      (await model.predict(texts, CUT)).map((text) => rowsOf(text.logits, text.shape[1]))
    return evaluated(model, [], logits)
  },
}

const evaluated = (
  model: AsyncDisposable,
  labels: readonly string[],
  /** Rows of each text. */
  compute: (texts: readonly string[]) => Promise<readonly (readonly Float32Array[])[]>,
): EvaluatedModel => ({
  labels,
  async rows(texts) {
    const byText = await compute(texts)
    const rows = byText.flat()
    const columns = rows[0]?.length ?? 0
    const data = new Float32Array(rows.length * columns)
    for (const [index, row] of rows.entries()) data.set(row, index * columns)
    return { data, columns, counts: byText.map((own) => own.length) }
  },
  [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
})

const rowsOf = (data: Float32Array, columns: number): readonly Float32Array[] =>
  Array.from({ length: data.length / columns }, (_, row) => data.subarray(row * columns, (row + 1) * columns))

/**
 * Whether rows stand for the same in both models, as far as they are computed.
 *
 * @throws ConfigError EVAL_OUTPUTS at the first difference.
 */
function demandSame({ folder, reference, first }: EncoderEvalTask, found: EncoderOutputs): void {
  if (reference !== 'read' || first === undefined) return
  const describe = ({ labels, columns }: EncoderOutputs) =>
    labels.length > 0 ? `classes ${labels.join(', ')}` : `${columns} numbers for each text or token`
  if (found.columns !== first.columns || found.labels.join('\n') !== first.labels.join('\n'))
    throw otherOutputs(`${folder} gives ${describe(found)}, the first model ${describe(first)}`)
  const other = found.rows.findIndex((count, text) => count !== first.rows[text])
  if (other === -1) return
  throw otherOutputs(
    `${folder} reads text ${other + 1} as ${found.rows[other]} tokens, the first model as ${first.rows[other]}`,
  )

  function otherOutputs(message: string): ConfigError {
    const hint = 'Only models with the same tokens and outputs of one form can be compared.'
    return new ConfigError('EVAL_OUTPUTS', message, { file: folder, found, expected: first, hint })
  }
}

/** Leaves the rows for the other models, or gets those of the first. */
function exchange(
  role: EncoderEvalTask['reference'],
  { data, columns }: Rows,
  firstRow: number,
): Float32Array {
  if (role === 'write') writeRows(REFERENCE_FD, firstRow, data, columns)
  if (role !== 'read') return data
  const rows = new Float32Array(data.length)
  readRows(REFERENCE_FD, firstRow, rows, columns)
  return rows
}

function compareRows(
  own: Float32Array,
  reference: Float32Array,
  columns: number,
  sums: { cosine: number; leastCosine: number; agreed: number },
): void {
  for (let start = 0; start < own.length; start += columns) {
    const [one, other] = [own, reference].map((all) => all.subarray(start, start + columns)) as [
      Float32Array,
      Float32Array,
    ]
    const cosine = cosineOf(one, other)
    sums.cosine += cosine
    sums.leastCosine = Math.min(sums.leastCosine, cosine)
    if (chosen(one) === chosen(other)) sums.agreed += 1
  }
}

/** Of a single class, whether it is likelier than not. */
const chosen = (logits: Float32Array): number =>
  logits.length === 1 ? Number(logits[0]! > 0) : likeliest(logits)

function cosineOf(one: Float32Array, other: Float32Array): number {
  let [product, square, otherSquare] = [0, 0, 0]
  for (const [channel, value] of one.entries()) {
    product += value * other[channel]!
    square += value * value
    otherSquare += other[channel]! * other[channel]!
  }
  return square === otherSquare && product === square ? 1 : product / Math.sqrt(square * otherSquare)
}
