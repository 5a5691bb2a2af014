import { ConfigError, quote } from '@hfquant/core/runtime'

/** The labels of a call: for all texts, or a list for each text. A lone string is one label. */
export type Labels = string | readonly string[] | readonly (readonly string[])[]

/**
 * The labels of each text, each once, in the order given.
 *
 * @param entToken what stands before a label in the prompt
 * @throws ConfigError LABELS_TYPE; LABELS_COUNT for lists that are not one for each text; LABEL_RESERVED for the marker.
 */
export function readLabels(labels: Labels, texts: number, entToken: string): readonly (readonly string[])[] {
  if (typeof labels === 'string') return new Array(texts).fill(checked([labels], 'labels', entToken))
  if (!Array.isArray(labels)) throw wrongType('labels', labels)
  if (!labels.some(Array.isArray)) return new Array(texts).fill(checked(labels, 'labels', entToken))
  if (labels.length !== texts) {
    throw new ConfigError(
      'LABELS_COUNT',
      `per-text labels must have length ${texts}, found ${labels.length}`,
      {
        field: 'labels',
        found: labels.length,
        expected: texts,
        hint: 'Pass one list for all texts, or one for each text.',
      },
    )
  }
  return labels.map((own, index) => checked(own, `labels[${index}]`, entToken))
}

function checked(labels: unknown, field: string, entToken: string): readonly string[] {
  if (!Array.isArray(labels)) throw wrongType(field, labels)
  const wrong = labels.findIndex((label) => typeof label !== 'string')
  if (wrong !== -1) throw wrongType(`${field}[${wrong}]`, labels[wrong])
  if (!labels.includes(entToken)) return [...new Set(labels as readonly string[])]
  throw new ConfigError('LABEL_RESERVED', `the label ${quote(entToken)} is what stands before every label`, {
    field,
    found: entToken,
    hint: 'Leave it out: the markers of the prompt are put there by themselves.',
  })
}

const wrongType = (field: string, found: unknown): ConfigError =>
  new ConfigError('LABELS_TYPE', `${field} is ${quote(found)}, expected a string or a list of strings`, {
    field,
    found,
    hint: "Pass labels as ['person', 'place'].",
  })
