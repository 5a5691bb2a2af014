import { createPrompts } from '../../measure/prompts.js'
import { median } from '../../measure/samples.js'
import { streamTogether } from '../streams.js'
import { judge } from '../verdict.js'
import { type Bar, inRounds, range, SHORT, serveCompiled } from './common.js'

/** 8: what quantizing does to the speed. */
export const float: Bar = async ({ models, threads, vocabulary, ...options }) => {
  const prompt = createPrompts(vocabulary)
  await using plain = await serveCompiled(models.float, threads)
  await using quantized = await serveCompiled(models.fourBit, threads)
  const speed = async (url: string) =>
    (await streamTogether(url, { prompts: [prompt(SHORT)], tokens: 24 })).tokensPerSecond
  const shares = await inRounds(
    options,
    [plain, quantized],
    async () => (await speed(quantized.url)) / (await speed(plain.url)),
  )
  return [judge('8: one stream, quantized over float', median(shares), { least: 0.67 }, range(shares))]
}
