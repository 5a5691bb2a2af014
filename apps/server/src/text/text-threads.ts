import { ApiError } from '../http/api-error.js'
import type { TextAnswers, TextJob, TextWorkerData } from './protocol.js'
import { startTextThread, type TextDeadlines, type TextThread } from './text-thread.js'

/** Does the texts of one model away from the main thread. */
export interface TextThreads {
  run<Job extends TextJob>(job: Job): Promise<TextAnswers[Job['kind']]>
  /** The same, unless too many wait. For work that no queue bounds. */
  runUnqueued<Job extends TextJob>(job: Job): Promise<TextAnswers[Job['kind']]>
  close(): Promise<void>
}

/** Characters of jobs that do not have to wait behind longer ones. */
const SHORT_JOB = 64 * 1024
const MOST_WAITING = 64

const DEADLINES: TextDeadlines = { template: 1000, tokens: 5000, grammar: 250 }

/**
 * Starts the thread for short texts. The one for longer ones is started by the first of them.
 *
 * @throws HfquantError as the tokenizer's files are refused with.
 */
export async function startTextThreads(
  data: TextWorkerData,
  deadlines: TextDeadlines = DEADLINES,
): Promise<TextThreads> {
  const forShort = await startTextThread(data, deadlines)
  let forLong: Promise<TextThread> | undefined
  const threadFor = async (job: TextJob): Promise<TextThread> => {
    if (sizeOf(job) < SHORT_JOB) return forShort
    forLong ??= startTextThread(data, deadlines).catch((error) => {
      forLong = undefined
      throw error
    })
    return forLong
  }
  return {
    run: async (job) => (await threadFor(job)).run(job),
    async runUnqueued(job) {
      const thread = await threadFor(job)
      if (thread.size >= MOST_WAITING) {
        throw new ApiError(
          'queue_full',
          `${MOST_WAITING} texts wait to be tokenized already; try again later`,
        )
      }
      return thread.run(job)
    },
    async close() {
      await Promise.all([
        forShort.close(),
        forLong?.then(
          (thread) => thread.close(),
          () => {},
        ),
      ])
    },
  }
}

/** Characters, about. */
function sizeOf(job: TextJob): number {
  switch (job.kind) {
    case 'text':
      return job.text.length
    case 'chat':
      return sizeOfValue([job.messages, job.tools ?? [], job.variables])
    case 'grammar':
      return sizeOfValue(job.source)
    default:
      return job.ids.length * 4
  }
}

function sizeOfValue(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 8
  let size = 2
  for (const item of Object.values(value)) {
    size += sizeOfValue(item)
    if (size >= SHORT_JOB) return size
  }
  return size
}
