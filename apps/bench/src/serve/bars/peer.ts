import { createPrompts } from '../../compare/prompts.js'
import type { ServedProcess } from '../served-process.js'
import { streamTogether } from '../streams.js'
import { judge, short } from '../verdict.js'
import { anonymousMemory } from '../watch-process.js'
import { type Bar, median, range, SHORT, serve, servePeer, TOGETHER } from './common.js'

interface PeerBounds {
  readonly bits: 4 | 8
  readonly together: number
  readonly alone: number
  readonly first: number
}

/** 4 to 7: beside node-llama-cpp. */
export const peer =
  ({ bits, ...bounds }: PeerBounds): Bar =>
  async ({ models, threads, rounds, vocabulary, report }) => {
    const prompt = createPrompts(vocabulary)
    const ours = await serve(bits === 4 ? models.fourBit : models.eightBit, threads)
    const theirs = await servePeer(bits === 4 ? models.q4 : models.q8, models.float, threads)
    const figures: Record<string, { ours: number; theirs: number }[]> = { alone: [], together: [], first: [] }
    const memory = { ours: 0, theirs: 0 }
    try {
      for (let round = 0; round < rounds; round++) {
        const found = { ours: {} as Record<string, number>, theirs: {} as Record<string, number> }
        for (const [name, { url, pid }] of Object.entries({ ours, theirs }) as [
          'ours' | 'theirs',
          ServedProcess,
        ][]) {
          const alone = await streamTogether(url, { prompts: [prompt(SHORT)], tokens: 32 })
          const prompts = Array.from({ length: TOGETHER }, () => prompt(SHORT))
          const together = await streamTogether(url, { prompts, tokens: 24 })
          // What is kept of later prompts is the choice of an operator.
          if (round === 0) memory[name] = anonymousMemory(pid)
          const first = await streamTogether(url, { prompts: [prompt(512)], tokens: 2 })
          found[name] = {
            ...{ alone: alone.tokensPerSecond, together: together.tokensPerSecond },
            first: first.firstToken,
          }
        }
        for (const [figure, all] of Object.entries(figures))
          all.push({ ours: found.ours[figure]!, theirs: found.theirs[figure]! })
        report(`round ${round + 1}: ${JSON.stringify(found)}`)
      }
    } finally {
      await ours.stop()
      await theirs.stop()
    }
    const ratio = (figure: string) => figures[figure]!.map((one) => one.ours / one.theirs)
    const of = (figure: string, unit: string) => {
      const [mine, other] = (['ours', 'theirs'] as const).map((who) =>
        short(median(figures[figure]!.map((one) => one[who]))),
      )
      return `${mine} and ${other}${unit}; ${range(ratio(figure))}`
    }
    const megabytes = (bytes: number) => `${short(bytes / 1e6)} MB`
    const [together, alone, first] = ['together', 'alone', 'first'].map((figure) => median(ratio(figure)))
    return [
      judge(
        `4: ${bits} bits, eight streams, over node-llama-cpp`,
        together!,
        { least: bounds.together },
        of('together', ' tokens/s'),
      ),
      judge(`5: ${bits} bits, one stream`, alone!, { least: bounds.alone }, of('alone', ' tokens/s')),
      judge(`6: ${bits} bits, first token of 512`, first!, { most: bounds.first }, of('first', ' ms')),
      judge(
        ...([`7: ${bits} bits, anonymous memory behind eight streams`, memory.ours / memory.theirs] as const),
        ...([{ most: 0.4 }, `${megabytes(memory.ours)} and ${megabytes(memory.theirs)}`] as const),
      ),
    ]
  }
