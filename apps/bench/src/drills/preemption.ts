import { createPrompts } from '../measure/prompts.js'
import type { Reply } from '../serve/ask.js'
import { serveHfquant } from '../serve/served-process.js'
import { streamTogether } from '../serve/streams.js'
import { judge, type Verdict } from '../serve/verdict.js'
import { readMetrics } from '../serve/watch-process.js'
import { DEMO_VOCABULARY, withLongModel } from './long-model.js'

const SEQUENCES = 16
/** Prompts of a thousand tokens, and answers that outgrow what is booked for them. */
const [PROMPT, TOKENS] = [700, 330]
/** 4096 tokens of the bundled model: 4 layers, 4 heads of 32, keys and values, four bytes. */
const BUDGET = 4096 * 4 * 4 * 32 * 2 * 4

/** 10: a cache that holds a quarter of what runs. */
export const preemption = (): Promise<readonly Verdict[]> =>
  withLongModel(async (folder) => {
    const prompt = createPrompts(DEMO_VOCABULARY)
    const prompts = Array.from({ length: SEQUENCES }, () => prompt(PROMPT))
    const run = async (budget: number) => {
      const limits = ['--max-sequences', `${SEQUENCES}`, '--kv-cache-memory', `${budget}`]
      await using server = await serveHfquant([`bench=${folder}`, ...limits])
      const { replies } = await streamTogether(server.url, { prompts, tokens: TOKENS })
      const metrics = await readMetrics(server.url)
      return { texts: replies.map(textOf), preemptions: metrics.get('hfquant_num_preemptions_total') ?? 0 }
    }
    const tight = await run(BUDGET)
    const roomy = await run(BUDGET * 8)
    const equal = tight.texts.filter((text, index) => text === roomy.texts[index]).length
    return [
      judge('10: requests that are answered whole', tight.texts.length, { least: SEQUENCES }),
      judge(
        '10: preemptions',
        tight.preemptions,
        { least: 1 },
        `${roomy.preemptions} with eight times the room`,
      ),
      judge(
        '10: texts equal to those without',
        equal,
        { least: SEQUENCES - 1 },
        'near ties may end otherwise',
      ),
    ]
  })

const textOf = ({ body }: Reply): string =>
  [...body.matchAll(/"text":"((?:[^"\\]|\\.)*)"/g)].map(([, text]) => text).join('')
