import { afterAll, describe, expect, test } from 'vitest'
import type { Entity } from './decode/entities.js'
import { GLiNER } from './gliner.js'
import {
  type GoldenCase,
  type GoldenEntity,
  goldenFolder,
  goldenTensors,
  readGolden,
} from './testing/golden.fixture.js'
import type { EncodedText } from './text/encode-text.js'
import { readParts } from './text/read-parts.js'
import { splitWords } from './text/split-words.js'

const FOLDERS = ['deberta', 'deberta-plain', 'deberta-bf16', 'bert', 'modernbert', 'token', 'bi-encoder']

describe.each(FOLDERS)('the model %s, as the Python library has it,', (name) => {
  const golden = readGolden(name)
  const loading = GLiNER.fromPretrained(goldenFolder(name))
  afterAll(async () => (await loading).dispose())
  const textsOf = ({ texts }: Pick<GoldenCase, 'texts'>) => texts.map((text) => golden.texts[text]!)

  test.each(Object.values(golden.inputs).filter(({ words }) => words !== undefined))(
    'splits $text into words',
    ({ text, words }) => {
      const found = splitWords(golden.texts[text]!).map(({ start, end }) => [start, end])
      expect(found.slice(0, words!.length)).toEqual(words!.map(([, , start, end]) => [start, end]))
    },
  )

  test('has the same logits', async () => {
    const model = await loading
    const expected = await goldenTensors(name, 'logits.')
    expect(expected.size).toBeGreaterThan(10)
    for (const [key, { shape, data }] of expected) {
      const [set, text] = key.split('.') as [string, string]
      // The library numbers words wrongly where one has no tokens.
      if (golden.vanished_words?.some((vanished) => vanished.text === text)) continue
      const labels = [...new Set(golden.label_sets[set]!)]
      const words = splitWords(golden.texts[text]!).map((word) => word.text)
      const parts = await readParts(words, labels, model.readContext('truncate'))
      const part = { ...parts[0]!, document: 0 }
      const [found] = await model.scoreParts([part], [{ labels }], undefined, (logits) => logits.data.slice())
      expect(found, key).toHaveLength(data.length)
      expect(errorOf(found!, data, shape, name === 'token'), key).toBeLessThan(1e-4)
    }
  })

  test.each(golden.cases)('finds the entities of "$name"', async (own) => {
    const labels = typeof own.labels === 'string' ? golden.label_sets[own.labels]! : own.labels
    const found = await (await loading).batchPredictEntities(textsOf(own), labels, {
      ...{ threshold: own.threshold, flatNer: own.flat_ner, multiLabel: own.multi_label },
      ...{ longText: 'truncate', offsets: 'codePoints', returnClassProbs: own.return_class_probs },
      inputSpans: own.input_spans,
    })
    const wanted = own.entities.map((entities) =>
      entities.filter(([, end]) => !isCutOff(name, own.name, end)),
    )
    expect(found.map((entities) => entities.map(columns))).toEqual(
      wanted.map((entities) =>
        entities.map(([start, end, , , text, label, score]) => [start, end, text, label, close(score)]),
      ),
    )
    if (own.class_probs === undefined) return
    expect(found.map((entities) => entities.map(({ classProbs }) => classProbs))).toEqual(
      own.class_probs.map((entities) =>
        entities.map((scores) =>
          Object.entries(scores).map(([label, score]) => ({ label, score: close(score) })),
        ),
      ),
    )
  })

  test.runIf(golden.mixed_batch)('finds entities of each text with settings of its own', async () => {
    const { texts, labels, threshold, flat_ner, multi_label, entities } = golden.mixed_batch!
    const model = await loading
    const found = await Promise.all(
      texts.map((text, index) =>
        model.predictEntities(golden.texts[text]!, labels[index]!, {
          ...{ threshold: threshold[index], flatNer: flat_ner[index], multiLabel: multi_label[index] },
          longText: 'truncate',
        }),
      ),
    )
    expect(found.map((own) => own.map(columns))).toEqual(entities.map((own) => own.map(inUtf16)))
  })

  test.each(golden.vanished_words ?? [])(
    'numbers words of $text although some have no tokens',
    async (own) => {
      const { text, labels, threshold, input_ids, corrected } = own
      const model = await loading
      const words = splitWords(golden.texts[text]!).map((word) => word.text)
      const [part] = await readParts(words, labels, model.readContext('truncate'))
      expect(part!.encoded.ids).toEqual(input_ids)
      expect(maskOf(part!.encoded)).toEqual(corrected.words_mask)
      const found = await model.predictEntities(golden.texts[text]!, labels, { threshold })
      expect(found.map(columns)).toEqual(corrected.entities.map(inUtf16))
    },
  )

  test('reads texts and labels as the same tokens', async () => {
    const model = await loading
    for (const { text, labels: set, input_ids, words_mask } of Object.values(golden.inputs)) {
      if (golden.vanished_words?.some((vanished) => vanished.text === text)) continue
      const words = splitWords(golden.texts[text]!).map((word) => word.text)
      const labels = [...new Set(golden.label_sets[set]!)]
      const [part] = await readParts(words, labels, model.readContext('truncate'))
      expect(part!.encoded.ids, `${text} ${set}`).toEqual(input_ids)
      expect(maskOf(part!.encoded), `${text} ${set}`).toEqual(words_mask)
    }
  })
})

/** The number of each word at its first token, from 1. */
function maskOf({ ids, wordTokens }: EncodedText): readonly number[] {
  const mask = ids.map(() => 0)
  for (const [word, token] of wordTokens.entries()) if (token !== undefined) mask[token] = word + 1
  return mask
}

/** The library also scores words that the tokenizer has cut off, as zeros; here they are no candidates. */
const isCutOff = (model: string, name: string, end: number) =>
  model === 'bert' && name === 'high threshold' && end === CUT_OFF
const CUT_OFF = 220

/** Golden scores have seven digits; those of the library differ from float64 by up to 1e-5. */
const close = (score: number) => expect.closeTo(score, 5)

const inUtf16 = ([, , start, end, text, label, score]: GoldenEntity) => [
  ...[start, end, text, label],
  close(score),
]

const columns = ({ start, end, text, label, score }: Entity) => [start, end, text, label, score]

/** Of the logits that are those of a span: what reaches behind the text is zero in the reference. */
function errorOf(
  found: Float32Array,
  wanted: Float32Array,
  shape: readonly number[],
  isToken: boolean,
): number {
  const [words, width, labels] = shape as [number, number, number]
  let error = 0
  for (const [index, value] of wanted.entries()) {
    const word = Math.floor(index / (width * labels))
    const end = word + (Math.floor(index / labels) % width)
    if (isToken || end < words) error = Math.max(error, Math.abs(found[index]! - value))
  }
  return error
}
