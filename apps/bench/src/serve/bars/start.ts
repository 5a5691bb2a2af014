import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { demoModel } from 'hfquant/demo'
import { median, short } from '../../measure/samples.js'
import { repositoryPath } from '../../repository.js'
import { usageOf } from '../ask.js'
import { streamTogether } from '../streams.js'
import { judge } from '../verdict.js'
import { type Bar, inRounds, range, serve } from './common.js'

/** 13: how long a start takes once a model is compiled. The bundled one: a made checkpoint has no words. */
export const start: Bar = async ({ threads, rounds: given, report }) => {
  const measure = async () => {
    const generated = await generate()
    await using server = await serve(demoModel, threads)
    const { replies } = await streamTogether(server.url, { prompts: ['Once'], tokens: 1 })
    if (usageOf(replies[0]!).completionTokens !== 1) throw new Error('the server does not answer')
    return { generated, served: server.readyAfter }
  }
  await measure()
  // A start takes seconds, and no two of them as long.
  const rounds = await inRounds({ rounds: 3 * given, report }, [], measure)
  const shares = rounds.map(({ generated, served }) => served / generated)
  const seconds = short(median(rounds.map(({ served }) => served)) / 1000)
  return [
    judge(
      ...(['13: until ready, over a run of hfquant generate', median(shares), { most: 1.3 }] as const),
      `${seconds} s; ${range(shares)}; the bundled model`,
    ),
  ]
}

/** Milliseconds of a process that writes one token. */
async function generate(): Promise<number> {
  const since = performance.now()
  const command = [repositoryPath('apps/cli/bin/hfquant.js'), 'generate', demoModel, 'Once']
  const child = spawn(process.execPath, [...command, '--max-new-tokens', '1'], { stdio: 'ignore' })
  const [status] = await once(child, 'exit')
  if (status !== 0) throw new Error(`hfquant generate ended with ${status}`)
  return performance.now() - since
}
