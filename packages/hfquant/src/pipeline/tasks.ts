import { CapabilityError, ConfigError, closestName } from '@hfquant/core/runtime'

/** The tasks that are offered, by the names that @huggingface/transformers has for them. */
export const TASKS = [
  'text-generation',
  'feature-extraction',
  'text-classification',
  'token-classification',
  'fill-mask',
  'zero-shot-classification',
] as const

export type Task = (typeof TASKS)[number]

/** Other names of the same. */
export const ALIASES = {
  embeddings: 'feature-extraction',
  'sentiment-analysis': 'text-classification',
  ner: 'token-classification',
} as const satisfies Record<string, Task>

export type TaskAlias = keyof typeof ALIASES

/** What that library has besides: models with a decoder behind an encoder, that see, or that hear. */
const OTHERS =
  /^((audio|image)-|automatic-speech|asr$|background-removal|depth-|document-|object-|question-answering|summarization|text2text|text-to-|translation|zero-shot-(audio|image|object))/

/**
 * @throws CapabilityError TASK_UNAVAILABLE for a task of models that are not offered; ConfigError TASK_UNKNOWN with the likeliest
 * name.
 */
export function parseTask(task: string): Task {
  const known: readonly string[] = [...TASKS, ...Object.keys(ALIASES)]
  if (known.includes(task)) return (ALIASES as Record<string, Task>)[task] ?? (task as Task)
  const subject = { field: 'task', found: task, expected: known }
  if (typeof task === 'string' && OTHERS.test(task)) {
    throw new CapabilityError('TASK_UNAVAILABLE', `the task "${task}" needs models that are not offered`, {
      ...subject,
      hint: `Offered are ${known.join(', ')}.`,
    })
  }
  const likely = typeof task === 'string' ? closestName(task, known) : undefined
  throw new ConfigError(
    'TASK_UNKNOWN',
    `there is no task ${JSON.stringify(task)}, expected one of ${known.join(', ')}`,
    {
      ...subject,
      hint: likely === undefined ? 'Pass one of these names.' : `Did you mean "${likely}"?`,
    },
  )
}
