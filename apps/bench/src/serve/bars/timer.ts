import { setTimeout as sleep } from 'node:timers/promises'
import { createPrompts } from '../../measure/prompts.js'
import { short } from '../../measure/samples.js'
import { ask } from '../ask.js'
import { streamTogether } from '../streams.js'
import { judge } from '../verdict.js'
import { type Second, watchProcess } from '../watch-process.js'
import { type Bar, SHORT, serveCompiled } from './common.js'

/** 3: the main thread while much is asked of it. */
export const timer: Bar = async ({ models, threads, vocabulary }) => {
  const prompt = createPrompts(vocabulary)
  await using server = await serveCompiled(models.fourBit, threads)
  const seconds: Second[] = []
  const over = new AbortController()
  const watching = watchProcess(server, over.signal, (second) => seconds.push(second))
  try {
    const streams = streamTogether(server.url, {
      prompts: Array.from({ length: 16 }, () => prompt(SHORT)),
      tokens: 64,
    })
    const path = '/v1/completions'
    for (const text of ['word '.repeat(200_000), 'x'.repeat(4 * 2 ** 20 - 200)]) {
      await sleep(2000)
      const { status } = await ask({ url: server.url, path, body: { model: 'bench', prompt: text } })
      if (status !== 400) throw new Error(`a prompt of ${text.length} characters is answered with ${status}`)
    }
    await streams
  } finally {
    over.abort()
    await watching
  }
  const others = seconds.reduce((sum, { othersCores }) => sum + othersCores, 0) / seconds.length
  const note = `${seconds.length} s, other programs used ${short(others)} cores`
  const worst = (pick: (second: Second) => number) => Math.max(...seconds.map(pick))
  return [
    judge(
      '3: 10 ms timer late, p99',
      worst((one) => one.timerLateMostly),
      { most: 15, unit: ' ms' },
      note,
    ),
    judge(
      '3: the same, at most',
      worst((one) => one.timerLate),
      { most: 50, unit: ' ms' },
    ),
  ]
}
