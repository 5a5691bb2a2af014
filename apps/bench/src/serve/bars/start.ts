import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { demoModel } from 'hfquant/demo'
import { repositoryPath } from '../../repository.js'
import { usageOf } from '../ask.js'
import { streamTogether } from '../streams.js'
import { judge, short } from '../verdict.js'
import { type Bar, median, range, serve } from './common.js'

/** 13: how long a start takes once a model is compiled. The bundled one: a made checkpoint has no words. */
export const start: Bar = async ({ threads, rounds }) => {
  const shares: number[] = []
  const served: number[] = []
  const run = async () => {
    const since = performance.now()
    const command = [
      repositoryPath('apps/cli/bin/hfquant.js'),
      'generate',
      demoModel,
      'Once',
      '--max-new-tokens',
      '1',
    ]
    const [status] = await once(spawn(process.execPath, command, { stdio: 'ignore' }), 'exit')
    if (status !== 0) throw new Error(`hfquant generate ended with ${status}`)
    return performance.now() - since
  }
  for (let round = 0; round < rounds + 1; round++) {
    const generated = await run()
    const server = await serve(demoModel, threads)
    const { replies } = await streamTogether(server.url, {
      prompts: ['Once'],
      tokens: 1,
    })
    if (usageOf(replies[0]!).completionTokens !== 1) throw new Error('the server does not answer')
    await server.stop()
    if (round > 0) {
      shares.push(server.readyAfter / generated)
      served.push(server.readyAfter)
    }
  }
  return [
    judge(
      ...(['13: until ready, over a run of hfquant generate', median(shares), { most: 1.3 }] as const),
      `${short(median(served) / 1000)} s; ${range(shares)}; the bundled model`,
    ),
  ]
}
