import { createPrompts } from '../../compare/prompts.js'
import { startInProcess } from '../in-process.js'
import { streamTogether } from '../streams.js'
import { judge, percentile, short } from '../verdict.js'
import { type Bar, median, range, SHORT, serve, TOGETHER } from './common.js'

/** 1 and 2: what HTTP costs. */
export const http: Bar = async ({ models, threads, rounds, vocabulary }) => {
  const prompt = createPrompts(vocabulary)
  const server = await serve(models.fourBit, threads)
  const own = await startInProcess(models.fourBit, threads)
  const shares: Record<number, number[]> = { 1: [], [TOGETHER]: [] }
  const [through, within]: [number[], number[]] = [[], []]
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [streams, tokens] of [
        [1, 48],
        [TOGETHER, 24],
      ] as const) {
        const prompts = () => Array.from({ length: streams }, () => prompt(SHORT))
        const { tokensPerSecond } = await streamTogether(server.url, { prompts: prompts(), tokens })
        const { all } = await own.generate({ prompts: prompts(), tokens })
        shares[streams]!.push(tokensPerSecond / ((streams * tokens * 1000) / all))
      }
    }
    for (let pair = 0; pair < FIRST_TOKENS * rounds; pair++) {
      through.push((await streamTogether(server.url, { prompts: [prompt(32)], tokens: 2 })).firstToken)
      within.push((await own.generate({ prompts: [prompt(32)], tokens: 2 })).firstToken)
    }
  } finally {
    own.stop()
    await server.stop()
  }
  const [one, eight] = [shares[1]!, shares[TOGETHER]!]
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
