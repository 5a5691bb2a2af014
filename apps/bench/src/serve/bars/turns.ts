import { createPrompts } from '../../measure/prompts.js'
import { median } from '../../measure/samples.js'
import { streamTogether } from '../streams.js'
import { judge } from '../verdict.js'
import { type Bar, inRounds, range, serveCompiled } from './common.js'

/** 9: the second turn of a conversation. */
export const turns: Bar = async ({ models, threads, vocabulary, ...options }) => {
  const prompt = createPrompts(vocabulary)
  await using server = await serveCompiled(models.fourBit, threads)
  const shares = await inRounds(options, [server], async () => {
    const first = prompt(1000)
    const cold = await streamTogether(server.url, { prompts: [first], tokens: 8 })
    const warm = await streamTogether(server.url, { prompts: [[...first, ...prompt(24)]], tokens: 8 })
    return warm.firstToken / cold.firstToken
  })
  return [
    judge('9: first token of the second turn, over the first', median(shares), { most: 0.15 }, range(shares)),
  ]
}
