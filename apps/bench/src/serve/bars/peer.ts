import { createPrompts } from '../../measure/prompts.js'
import { residentMemory } from '../../measure/resident-memory.js'
import { median, short } from '../../measure/samples.js'
import type { ServedProcess } from '../served-process.js'
import { streamTogether } from '../streams.js'
import { judge } from '../verdict.js'
import { type Bar, inRounds, range, SHORT, serveCompiled, servePeer, TOGETHER } from './common.js'

interface PeerBounds {
  readonly bits: 4 | 8
  readonly together: number
  readonly alone: number
  readonly first: number
}

/** Of one server in one round: tokens per second, milliseconds, bytes. */
interface PeerFigures {
  readonly alone: number
  readonly together: number
  readonly first: number
  readonly memory: number
}

/** 4 to 7: beside node-llama-cpp. */
export const peer =
  ({ bits, ...bounds }: PeerBounds): Bar =>
  async ({ models, threads, vocabulary, ...options }) => {
    const prompt = createPrompts(vocabulary)
    await using ours = await serveCompiled(bits === 4 ? models.fourBit : models.eightBit, threads)
    await using theirs = await servePeer(bits === 4 ? models.q4 : models.q8, models.float, threads)
    /** Behind the first eight streams: what is kept of later prompts is the choice of an operator. */
    const memory = new Map<ServedProcess, number>()
    const measure = async (server: ServedProcess): Promise<PeerFigures> => {
      const { url, pid } = server
      const alone = await streamTogether(url, { prompts: [prompt(SHORT)], tokens: 32 })
      const prompts = Array.from({ length: TOGETHER }, () => prompt(SHORT))
      const together = await streamTogether(url, { prompts, tokens: 24 })
      if (!memory.has(server)) memory.set(server, residentMemory(pid)?.anonymous ?? Number.NaN)
      const first = await streamTogether(url, { prompts: [prompt(512)], tokens: 2 })
      return {
        ...{ alone: alone.tokensPerSecond, together: together.tokensPerSecond },
        ...{ first: first.firstToken, memory: memory.get(server)! },
      }
    }
    const rounds = await inRounds(options, [ours, theirs], async () => ({
      ours: await measure(ours),
      theirs: await measure(theirs),
    }))
    const compared = (figure: keyof PeerFigures, unit: string, scale = 1) => {
      const [mine, other] = (['ours', 'theirs'] as const).map((who) =>
        short(median(rounds.map((round) => round[who][figure])) / scale),
      )
      const ratios = rounds.map((round) => round.ours[figure] / round.theirs[figure])
      return [median(ratios), `${mine} and ${other} ${unit}; ${range(ratios)}`] as const
    }
    const line = (
      what: string,
      bound: { readonly most: number } | { readonly least: number },
      [ratio, note]: ReturnType<typeof compared>,
    ) => judge(what, ratio, bound, note)
    return [
      line(
        `4: ${bits} bits, eight streams, over node-llama-cpp`,
        { least: bounds.together },
        compared('together', 'tokens/s'),
      ),
      line(`5: ${bits} bits, one stream`, { least: bounds.alone }, compared('alone', 'tokens/s')),
      line(`6: ${bits} bits, first token of 512`, { most: bounds.first }, compared('first', 'ms')),
      line(
        `7: ${bits} bits, anonymous memory behind eight streams`,
        { most: 0.4 },
        compared('memory', 'MB', 1e6),
      ),
    ]
  }
