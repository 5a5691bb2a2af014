import { ConfigError, publishWarning, quote } from '@hfquant/core/runtime'
import type { SequenceClassifier } from '@hfquant/transformers'
import { type CallOptions, checkOption, checkTexts, knownOptions } from './call-options.js'
import type { Loaded } from './loaded.js'

export interface ZeroShotClassificationOptions extends CallOptions {
  /** What is asked of a text: `{}` stands for the label. Default "This example is {}." */
  readonly hypothesis_template?: string | undefined
  /** Whether each label is true by itself; default false: the scores of all of them are 1 together. */
  readonly multi_label?: boolean | undefined
}

export interface ZeroShotClassificationOutput {
  readonly sequence: string
  /** The best first, as are their scores. */
  readonly labels: string[]
  readonly scores: number[]
}

/** Labels of texts that the model, which tells whether one text follows from another, has never seen. */
export interface ZeroShotClassification {
  (
    text: string,
    candidate_labels: string | readonly string[],
    options?: ZeroShotClassificationOptions,
  ): Promise<ZeroShotClassificationOutput>
  (
    texts: readonly string[],
    candidate_labels: string | readonly string[],
    options?: ZeroShotClassificationOptions,
  ): Promise<ZeroShotClassificationOutput[]>
}

export function zeroShotClassification({
  model,
  truncation,
}: Loaded<SequenceClassifier>): ZeroShotClassification {
  const classes = entailmentOf(model.labels)
  const classify = async (
    texts: string | readonly string[],
    candidateLabels: string | readonly string[],
    options?: ZeroShotClassificationOptions,
  ) => {
    checkTexts(texts)
    const labels = checkedLabels(candidateLabels)
    const {
      hypothesis_template: template = 'This example is {}.',
      multi_label = false,
      signal,
    } = knownOptions(options, ['hypothesis_template', 'multi_label'])
    checkOption('hypothesis_template', template, typeof template === 'string', 'a text with {} in it')
    const premises = [texts].flat() as string[]
    const pairs = premises.flatMap((text) =>
      labels.map((label) => ({ text, textPair: template.replace('{}', () => label) })),
    )
    const classified = await model.classify(pairs, { ...truncation, signal })
    const logits = classified.map((pair) => pair.logits)
    const outputs = premises.map((sequence, index) => {
      const own = logits.slice(index * labels.length, (index + 1) * labels.length)
      return { sequence, ...ranked(labels, scoresOf(own, classes, multi_label || labels.length === 1)) }
    })
    return Array.isArray(texts) ? outputs : outputs[0]!
  }
  return classify as ZeroShotClassification
}

interface Entailment {
  readonly entailment: number
  readonly contradiction: number
}

/** Where models of inference have their classes when names do not tell. */
const USUAL: Entailment = { entailment: 2, contradiction: 0 }

/** @throws ConfigError LABELS_UNFIT for a classifier of something else. */
function entailmentOf(labels: readonly string[]): Entailment {
  const names = labels.map((label) => label.toLowerCase())
  const at = (role: keyof Entailment, ...wanted: readonly string[]): number => {
    const found = wanted.map((name) => names.indexOf(name)).find((index) => index >= 0)
    if (found !== undefined) return found
    if (labels.length <= USUAL.entailment) throw unfit(labels)
    publishWarning(
      `the model has no class "${role}": class ${USUAL[role]}, ${quote(labels[USUAL[role]])}, is taken for it`,
    )
    return USUAL[role]
  }
  return {
    entailment: at('entailment', 'entailment'),
    contradiction: at('contradiction', 'contradiction', 'not_entailment'),
  }
}

const unfit = (labels: readonly string[]): ConfigError =>
  new ConfigError(
    'LABELS_UNFIT',
    `the classes ${labels.map(quote).join(', ')} tell nothing about what follows from a text`,
    {
      field: 'id2label',
      found: labels,
      expected: ['entailment', 'contradiction'],
      hint: 'Take a model that was trained on inference (NLI), or use text-classification.',
    },
  )

function checkedLabels(labels: unknown): readonly string[] {
  const list: readonly unknown[] = [labels].flat()
  if (list.length > 0 && list.every((label) => typeof label === 'string')) return list as readonly string[]
  throw new ConfigError(
    'LABELS_TYPE',
    `candidate_labels is ${quote(labels)}, expected a label or a list of labels`,
    {
      field: 'candidate_labels',
      found: labels,
      hint: "Pass labels as ['urgent', 'not urgent'].",
    },
  )
}

/** Of each label by itself, entailment against contradiction; or entailment of one label against the others. */
function scoresOf(
  logits: readonly Float32Array[],
  { entailment, contradiction }: Entailment,
  each: boolean,
): readonly number[] {
  if (each) return logits.map((own) => softmax([own[contradiction]!, own[entailment]!])[1]!)
  return softmax(logits.map((own) => own[entailment]!))
}

function softmax(values: readonly number[]): readonly number[] {
  const most = Math.max(...values)
  const powers = values.map((value) => Math.exp(value - most))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

function ranked(
  labels: readonly string[],
  scores: readonly number[],
): Pick<ZeroShotClassificationOutput, 'labels' | 'scores'> {
  const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!)
  return { labels: order.map((index) => labels[index]!), scores: order.map((index) => scores[index]!) }
}
