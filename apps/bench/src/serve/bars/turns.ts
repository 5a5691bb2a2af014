import { createPrompts } from '../../compare/prompts.js'
import { streamTogether } from '../streams.js'
import { judge } from '../verdict.js'
import { type Bar, median, range, serve } from './common.js'

/** 9: the second turn of a conversation. */
export const turns: Bar = async ({ models, threads, rounds, vocabulary }) => {
  const prompt = createPrompts(vocabulary)
  const server = await serve(models.fourBit, threads)
  const shares: number[] = []
  try {
    for (let round = 0; round < rounds; round++) {
      const first = prompt(1000)
      const cold = await streamTogether(server.url, { prompts: [first], tokens: 8 })
      const warm = await streamTogether(server.url, { prompts: [[...first, ...prompt(24)]], tokens: 8 })
      shares.push(warm.firstToken / cold.firstToken)
    }
  } finally {
    await server.stop()
  }
  return [
    judge('9: first token of the second turn, over the first', median(shares), { most: 0.15 }, range(shares)),
  ]
}
