import { HfquantError } from 'hfquant'
import { evaluateEncoder } from './eval/evaluate-encoder.js'
import { evaluateModel } from './eval/evaluate-model.js'
import type { ChildMessage, EncoderEvalTask, EvalTask } from './eval/protocol.js'
import type { Progress } from './output/terminal.js'

/** A process that evaluates one model: it gets a task, and sends ChildMessages. */

const send = (message: ChildMessage): Promise<void> =>
  new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve()))

// Ctrl-C reaches all processes of a terminal; the parent decides, and ends this one.
process.on('SIGINT', () => {})
// Without a parent, nobody waits for the result.
process.once('disconnect', () => process.exit(1))

process.removeAllListeners('warning')
process.on('warning', ({ name, message }) => {
  if (name === 'HfquantWarning') void send({ kind: 'warning', message })
})

process.once('message', async (task: EvalTask | EncoderEvalTask) => {
  try {
    const onProgress = (progress: Progress) => void send({ kind: 'progress', progress })
    const result =
      task.kind === 'encoder'
        ? await evaluateEncoder(task, onProgress)
        : await evaluateModel(task, onProgress)
    await send({ kind: 'result', result })
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error))
    const typed = HfquantError.isInstance(error) ? error : undefined
    await send({ kind: 'error', code: typed?.code, message, hint: typed?.hint, stack })
  }
  process.exit(0)
})
