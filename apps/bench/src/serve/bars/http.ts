import { createPrompts } from '../../measure/prompts.js'
import { median, percentile, short } from '../../measure/samples.js'
import { startInProcess } from '../in-process.js'
import { streamTogether } from '../streams.js'
import { judge } from '../verdict.js'
import { type Bar, inRounds, range, SHORT, serveCompiled, TOGETHER } from './common.js'

/** 1 and 2: what HTTP costs. */
export const http: Bar = async ({ models, threads, vocabulary, ...options }) => {
  const prompt = createPrompts(vocabulary)
  await using server = await serveCompiled(models.fourBit, threads)
  await using own = await startInProcess(models.fourBit, threads)
  const share = async (streams: number, tokens: number) => {
    const prompts = () => Array.from({ length: streams }, () => prompt(SHORT))
    const { tokensPerSecond } = await streamTogether(server.url, { prompts: prompts(), tokens })
    const { all } = await own.generate({ prompts: prompts(), tokens })
    return tokensPerSecond / ((streams * tokens * 1000) / all)
  }
  const rounds = await inRounds(options, [server, own], async () => {
    const shares = { one: await share(1, 48), eight: await share(TOGETHER, 24) }
    const [through, within]: [number[], number[]] = [[], []]
    for (let pair = 0; pair < FIRST_TOKENS; pair++) {
      through.push((await streamTogether(server.url, { prompts: [prompt(32)], tokens: 2 })).firstToken)
      within.push((await own.generate({ prompts: [prompt(32)], tokens: 2 })).firstToken)
    }
    return { ...shares, through, within }
  })
  const [one, eight] = [rounds.map((round) => round.one), rounds.map((round) => round.eight)]
  const [through, within] = [
    rounds.flatMap((round) => round.through),
    rounds.flatMap((round) => round.within),
  ]
  const later = (share: number) => percentile(through, share) - percentile(within, share)
  return [
    judge('1: tokens/s of one stream, HTTP over in process', median(one), { least: 0.97 }, range(one)),
    judge('1: of eight streams', median(eight), { least: 0.95 }, range(eight)),
    judge(
      ...(['2: first token of 32, HTTP after in process, median', later(0.5)] as const),
      ...([
        { most: 5, unit: ' ms' },
        `${through.length} each, ${short(percentile(within, 0.5))} ms in process`,
      ] as const),
    ),
    judge('2: the same, p99', later(0.99), { most: 15, unit: ' ms' }),
  ]
}

/** Of each round, alternating. */
const FIRST_TOKENS = 15
