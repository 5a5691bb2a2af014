import { createPrompts } from '../../compare/prompts.js'
import { streamTogether } from '../streams.js'
import { judge } from '../verdict.js'
import { type Bar, median, range, SHORT, serve } from './common.js'

/** 8: what quantizing does to the speed. */
export const float: Bar = async ({ models, threads, rounds, vocabulary }) => {
  const prompt = createPrompts(vocabulary)
  const [plain, quantized] = [await serve(models.float, threads), await serve(models.fourBit, threads)]
  const shares: number[] = []
  try {
    for (let round = 0; round < rounds; round++) {
      const [own, other] = [quantized, plain].map(
        ({ url }) =>
          () =>
            streamTogether(url, { prompts: [prompt(SHORT)], tokens: 24 }),
      )
      shares.push((await own!()).tokensPerSecond / (await other!()).tokensPerSecond)
    }
  } finally {
    await plain.stop()
    await quantized.stop()
  }
  return [judge('8: one stream, quantized over float', median(shares), { least: 0.67 }, range(shares))]
}
