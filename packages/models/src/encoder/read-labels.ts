import type { EncoderFacts } from '../architecture/encoder-facts.js'
import { type ConfigReader, invalidField } from '../config/config-reader.js'

/** More classes than any classifier has. */
const MAX_LABELS = 2 ** 20

/**
 * The names of the classes: `id2label`, or as many numbered names as `num_labels` says, or two, as Python has it.
 *
 * @throws ConfigError FIELD_VALUE unless `id2label` names the classes from 0 on.
 */
export function readLabels(read: ConfigReader): readonly string[] {
  const { id2label: named } = read.json
  if (named === undefined || named === null) {
    const count = read.size('num_labels', 2, MAX_LABELS)
    return Array.from({ length: count }, (_, index) => `LABEL_${index}`)
  }
  const isObject = typeof named === 'object' && !Array.isArray(named)
  const entries = isObject ? Object.entries(named) : []
  const labels: string[] = []
  for (const [id, label] of entries) {
    const index = Number(id)
    const isPlace = Number.isInteger(index) && index >= 0 && index < entries.length
    if (isPlace && typeof label === 'string') labels[index] = label
  }
  const isWhole =
    labels.length > 0 && labels.length === entries.length && !labels.includes(undefined as never)
  if (isWhole) return labels
  throw invalidField('id2label', named, 'an object with the name of each class from "0" on')
}

/** One class: a score of its own, whose sigmoid is taken. */
export function readProblem(read: ConfigReader, count: number): EncoderFacts['problem'] {
  const type = read.text('problem_type', '')
  switch (type) {
    case 'single_label_classification':
      return 'single-label'
    case 'multi_label_classification':
      return 'multi-label'
    case 'regression':
      return 'regression'
    case '':
      return count === 1 ? 'multi-label' : 'single-label'
    default:
      throw invalidField(
        'problem_type',
        type,
        'single_label_classification, multi_label_classification or regression',
      )
  }
}
