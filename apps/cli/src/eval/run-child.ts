import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { HfquantError, RuntimeError } from 'hfquant'
import type { Terminal } from '../output/terminal.js'
import type { ChildMessage, EncoderEvalTask, EvalTask, ResultOf } from './protocol.js'

const ENTRY = fileURLToPath(new URL('./eval-child.js', import.meta.url))

/**
 * Evaluates one model in a process of its own.
 *
 * @param referenceFd open file of what the first model computed, for tasks that read or write it
 * @throws what the child threw; RuntimeError EVAL_PROCESS_ENDED if it was killed; the reason of `signal`.
 */
export async function runChild<Task extends EvalTask | EncoderEvalTask>(
  task: Task,
  referenceFd: number | undefined,
  { terminal, signal }: { readonly terminal: Terminal; readonly signal: AbortSignal },
): Promise<ResultOf[Task['kind']]> {
  signal.throwIfAborted()
  const child = fork(ENTRY, {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', referenceFd ?? 'ignore'],
  })
  const kill = () => child.kill('SIGKILL')
  signal.addEventListener('abort', kill)
  try {
    return (await converse(child, task, terminal)) as ResultOf[Task['kind']]
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

/** Sends the task and waits until the process has ended. */
function converse(
  child: ChildProcess,
  task: EvalTask | EncoderEvalTask,
  terminal: Terminal,
): Promise<ResultOf[keyof ResultOf]> {
  return new Promise((resolve, reject) => {
    let outcome: { readonly result: ResultOf[keyof ResultOf] } | { readonly error: Error } | undefined
    child.on('message', (message: ChildMessage) => {
      if (message.kind === 'progress') terminal.progress(message.progress)
      if (message.kind === 'warning') terminal.line(`warning: ${message.message}`)
      if (message.kind === 'result') outcome = { result: message.result }
      if (message.kind === 'error') outcome = { error: toError(message) }
    })
    child.on('error', reject)
    child.on('close', (status, signal) => {
      if (outcome === undefined) reject(processEnded(task.folder, signal ?? `status ${status}`))
      else if ('error' in outcome) reject(outcome.error)
      else resolve(outcome.result)
    })
    // A child that dies at once cannot be written to; its end is what counts.
    child.send(task, () => {})
  })
}

function toError({ code, message, hint, stack }: ChildMessage & { readonly kind: 'error' }): Error {
  const error = code === undefined ? new Error(message) : new HfquantError(code, message, { hint })
  return stack === undefined ? error : Object.assign(error, { stack })
}

const processEnded = (folder: string, how: string): RuntimeError =>
  new RuntimeError('EVAL_PROCESS_ENDED', `the process that evaluated ${folder} ended early (${how})`, {
    file: folder,
    hint: 'The system ends processes that take too much memory; try a smaller model or text.',
  })
