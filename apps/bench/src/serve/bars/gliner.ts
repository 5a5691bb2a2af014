import { median } from '../../measure/samples.js'
import { ask } from '../ask.js'
import { judge } from '../verdict.js'
import { type Bar, inRounds, range, serve } from './common.js'

/** 12: texts of many clients against those of one. */
export const gliner: Bar = async ({ models, threads, rounds, report }) => {
  await using server = await serve(models.gliner, threads)
  const labels = ['person', 'city']
  const timed = async (work: () => Promise<unknown>) => {
    const since = performance.now()
    await work()
    return performance.now() - since
  }
  const texts = (round: number) =>
    Array.from(
      { length: 64 },
      (_, index) => `Ada Lovelace ${round} wrote to Charles Babbage ${index} in London.`,
    )
  const entities = async (input: string | readonly string[]) => {
    const { status, body } = await ask({
      url: server.url,
      path: '/v1/entities',
      body: { model: 'bench', input, labels },
    })
    if (status !== 200) throw new Error(body)
  }
  const compare = async (round: number) => {
    const whole = await timed(() => entities(texts(round)))
    return whole / (await timed(() => Promise.all(texts(round + 0.5).map((text) => entities(text)))))
  }
  await compare(-1)
  const shares = await inRounds({ rounds: 2 * rounds, report }, [server], compare)
  return [
    judge(
      '12: GLiNER, 64 requests over one of 64 texts',
      median(shares),
      { least: 0.85 },
      `${range(shares)}; the bundled model`,
    ),
  ]
}
