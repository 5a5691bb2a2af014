import { getLlama, type LlamaContextSequence, LlamaLogLevel, type Token } from 'node-llama-cpp'
import type { Engine, EngineOptions } from './engine.js'

export async function openLlamaCpp(options: EngineOptions): Promise<Engine> {
  const { path, threads, contextSize, sequences } = options
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    logLevel: LlamaLogLevel.error,
    maxThreads: threads,
  })
  const model = await llama.loadModel({ modelPath: path })
  const context = await model.createContext({ contextSize, threads, sequences })
  const slots = Array.from({ length: sequences }, () => context.getSequence())

  async function* generate(slot: LlamaContextSequence, prompt: readonly number[], count: number) {
    await slot.clearHistory()
    let made = 0
    const tokens = prompt as readonly number[] as Token[]
    for await (const token of slot.evaluate(tokens, { temperature: 0, yieldEogToken: true })) {
      yield token
      made += 1
      if (made === count) break
    }
  }

  return {
    generate: (prompt, count) => generate(slots[0]!, prompt, count),
    async generateTogether(prompts, count) {
      await Promise.all(
        prompts.map(async (prompt, index) => {
          for await (const _ of generate(slots[index]!, prompt, count));
        }),
      )
    },
    close: () => llama.dispose(),
  }
}
