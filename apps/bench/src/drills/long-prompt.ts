import { setTimeout as sleep } from 'node:timers/promises'
import { createPrompts } from '../measure/prompts.js'
import { percentile, short } from '../measure/samples.js'
import type { Reply } from '../serve/ask.js'
import { serveHfquant } from '../serve/served-process.js'
import { streamTogether } from '../serve/streams.js'
import { judge, type Verdict } from '../serve/verdict.js'
import { DEMO_VOCABULARY, withLongModel } from './long-model.js'

const [LONG, SHORT] = [4096, 32]
const ASKED = 12

/** 11: what a prompt of thousands of tokens does to those behind it, and to those that run. */
export const longPrompt = (): Promise<readonly Verdict[]> =>
  withLongModel(async (folder) => {
    const prompt = createPrompts(DEMO_VOCABULARY)
    await using server = await serveHfquant([`bench=${folder}`])
    const shorts = async () => {
      const firsts: number[] = []
      for (let count = 0; count < ASKED; count++) {
        firsts.push((await streamTogether(server.url, { prompts: [prompt(SHORT)], tokens: 2 })).firstToken)
      }
      return percentile(firsts, 0.5)
    }
    const running = () =>
      streamTogether(server.url, { prompts: [prompt(SHORT), prompt(SHORT)], tokens: 1500 })
    await shorts()
    const streams = running()
    await sleep(200)
    const alone = await shorts()
    const since = performance.now()
    const long = streamTogether(server.url, { prompts: [prompt(LONG)], tokens: 2 })
    await sleep(20)
    const behind = await shorts()
    await long
    const until = performance.now()
    const { replies } = await streams
    const [before, during] = [gapsOf(replies, 0, since), gapsOf(replies, since, until)]
    return [
      judge(
        ...(['11: first token behind a long prompt, over that without', behind / alone] as const),
        ...([{ most: 3 }, `${short(alone)} and ${short(behind)} ms`] as const),
      ),
      judge(
        ...([
          '11: between tokens of running streams, p99',
          percentile(during, 0.99) / percentile(before, 0.99),
        ] as const),
        ...([
          { most: 2.5 },
          `${during.length} and ${before.length} gaps, ${short(percentile(before, 0.99))} ms before`,
        ] as const),
      ),
    ]
  })

/** Milliseconds between tokens that came within a time. */
const gapsOf = (replies: readonly Reply[], from: number, to: number): readonly number[] =>
  replies.flatMap(({ times }) => {
    const within = times.filter((time) => time >= from && time <= to)
    return within.slice(1).map((time, index) => time - within[index]!)
  })
