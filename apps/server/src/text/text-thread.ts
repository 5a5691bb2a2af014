import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { HfquantError, RuntimeError } from 'hfquant'
import { ApiError } from '../http/api-error.js'
import type { TextAnswers, TextFailure, TextJob, TextReply, TextWorkerData } from './protocol.js'

/** Milliseconds that each part of a job may take. */
export interface TextDeadlines {
  readonly template: number
  readonly tokens: number
  readonly grammar: number
}

/** A thread that does one text after the other, and is replaced when one of them takes too long. */
export interface TextThread {
  /** Jobs that wait or are under way. */
  readonly size: number
  /** @throws ApiError template_timeout, grammar_too_complex; HfquantError as the tokenizer and the template throw them. */
  run<Job extends TextJob>(job: Job): Promise<TextAnswers[Job['kind']]>
  close(): Promise<void>
}

interface Entry {
  readonly id: number
  readonly job: TextJob
  resolve(answer: never): void
  reject(error: Error): void
}

const MEMORY_MEGABYTES = 512

/**
 * Starts the thread.
 *
 * @throws HfquantError what the tokenizer's files are refused with.
 */
export async function startTextThread(data: TextWorkerData, deadlines: TextDeadlines): Promise<TextThread> {
  const script = createRequire(import.meta.url).resolve('@hfquant/server/text-worker')
  const queue: Entry[] = []
  let jobs = 0
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let isRestarting = false
  /** Undefined while a thread starts, and after one that could not. */
  let worker: Worker | undefined
  worker = await start()

  return {
    get size() {
      return queue.length
    },
    run: (job) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(threadClosed())
        queue.push({ id: ++jobs, job, resolve, reject })
        if (worker === undefined && !isRestarting) restart()
        else if (queue.length === 1) begin()
      }),
    async close() {
      closed = true
      clearTimeout(timer)
      for (const { reject } of queue.splice(0)) reject(threadClosed())
      await worker?.terminate()
    },
  }

  /** Resolves when the thread has read the tokenizer. */
  function start(): Promise<Worker> {
    const thread = new Worker(script, {
      workerData: data,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MEGABYTES },
    })
    return new Promise((resolve, reject) => {
      const onExit = (error?: Error) => {
        reject(error ?? new RuntimeError('TEXT_THREAD', 'the thread for texts ended while it was starting'))
        // Out of memory: as if it had taken too long.
        if (worker === thread) replace()
      }
      thread.on('message', (message: TextReply) => {
        if (message.kind === 'ready') {
          thread.unref()
          resolve(thread)
        } else if (message.kind === 'failed') reject(revived(message.error))
        else receive(message)
      })
      thread.on('error', onExit)
      thread.on('exit', () => onExit())
    })
  }

  function begin(): void {
    if (worker === undefined || closed) return
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      try {
        worker.postMessage({ id: first.id, job: first.job })
        timer = setTimeout(replace, first.job.kind === 'chat' ? deadlines.template : deadlines.tokens)
        return
      } catch (error) {
        // What cannot be copied to the thread fails by itself.
        queue.shift()
        first.reject(error as Error)
      }
    }
  }

  function receive(message: Exclude<TextReply, { readonly kind: 'ready' | 'failed' }>): void {
    const first = queue[0]
    if (first?.id !== message.id) return
    clearTimeout(timer)
    if (message.kind === 'halfway') {
      timer = setTimeout(replace, first.job.kind === 'grammar' ? deadlines.grammar : deadlines.tokens)
      return
    }
    queue.shift()
    if (message.kind === 'done') first.resolve(message.answer as never)
    else first.reject(revived(message.error))
    begin()
  }

  /** Ends the thread, whose job has had its time. Those that waited for it are done by the next one. */
  function replace(): void {
    if (closed) return
    clearTimeout(timer)
    const ended = worker
    worker = undefined
    ended?.removeAllListeners().on('error', () => {})
    void ended?.terminate()
    const late = queue.shift()
    late?.reject(timedOut(late.job))
    restart()
  }

  /** Jobs that wait fail with a thread that cannot start; the next one tries again. */
  function restart(): void {
    isRestarting = true
    start().then(
      (next) => {
        isRestarting = false
        if (closed) return void next.terminate()
        worker = next
        begin()
      },
      (error: Error) => {
        isRestarting = false
        for (const { reject } of queue.splice(0)) reject(error)
      },
    )
  }
}

const timedOut = ({ kind }: TextJob): ApiError =>
  kind === 'grammar'
    ? new ApiError(
        'grammar_too_complex',
        'compiling the grammar of the answer took too long; make it simpler',
      )
    : new ApiError('template_timeout', 'writing out the conversation and reading its tokens took too long')

const threadClosed = (): RuntimeError => new RuntimeError('MODEL_DISPOSED', 'the model has been unloaded')

const revived = ({ code, message, hint, field }: TextFailure): HfquantError =>
  new HfquantError(code, message, { hint, field })
