import { ConfigError } from '@hfquant/core'

/**
 * What is computed of a text: the hidden states of its tokens, classes of the text or of each token, or tokens for those
 * that are masked.
 */
export type EncoderTask = 'hidden-states' | 'sequence-classification' | 'token-classification' | 'masked-lm'

/** What an application knows of an encoder beyond what it knows of every model. */
export interface EncoderFacts {
  /** Channels of a hidden state. */
  readonly hiddenSize: number
  /** What can be computed: hidden states always, and behind them what the model has a head for. */
  readonly tasks: readonly EncoderTask[]
  /** Types of tokens; 0 for a model that knows none. */
  readonly tokenTypes: number
  /** Tokens of the longest text. */
  readonly maxTokens: number
  /** Names of the classes, in the order of their logits; none without a classifier. */
  readonly labels: readonly string[]
  /** How logits of classes become scores: one class of all, any number of them, or a number of its own for each. */
  readonly problem: 'single-label' | 'multi-label' | 'regression'
  /** Whether a pooled vector of the text is computed beside hidden states. */
  readonly pools: boolean
}

/**
 * @throws ConfigError MODEL_CLASS for a task that the model has no head for, naming the class that loads it.
 */
export function demandHead({ tasks }: EncoderFacts, task: EncoderTask): void {
  if (tasks.includes(task)) return
  const own = tasks.at(-1)!
  throw new ConfigError(
    'MODEL_CLASS',
    `the model has no head for ${task}, ${own === 'hidden-states' ? 'and none at all' : `only for ${own}`}`,
    {
      field: 'architectures',
      found: own,
      expected: task,
      hint: `Load it with ${CLASS_OF_TASK[own]}.`,
    },
  )
}

/** The class that computes a task. */
export const CLASS_OF_TASK: Readonly<Record<EncoderTask, string>> = {
  'hidden-states': 'AutoModel',
  'sequence-classification': 'AutoModelForSequenceClassification',
  'token-classification': 'AutoModelForTokenClassification',
  'masked-lm': 'AutoModelForMaskedLM',
}
