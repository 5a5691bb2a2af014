import { AutoModelForCausalLM } from 'hfquant'
import type { Engine, EngineOptions } from './engine.js'

export async function openHfquant({ path, threads }: EngineOptions): Promise<Engine> {
  const model = await AutoModelForCausalLM.fromPretrained(path, { threads })
  const generate = (prompt: readonly number[], count: number) =>
    model.generate({ inputIds: prompt }, { maxNewTokens: count, temperature: 0, ignoreEos: true })
  return {
    generate,
    async generateTogether(prompts, count) {
      await Promise.all(
        prompts.map(async (prompt) => {
          for await (const _ of generate(prompt, count));
        }),
      )
    },
    close: () => model.dispose(),
  }
}
