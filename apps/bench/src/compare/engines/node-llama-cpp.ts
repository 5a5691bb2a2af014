import { getLlama, type LlamaContextSequence, LlamaLogLevel, type Token } from 'node-llama-cpp'
import type { Engine, EngineOptions } from './engine.js'

export async function openLlamaCpp(options: EngineOptions): Promise<Engine> {
  const { slots, close } = await openLlamaSlots(options)
  return {
    generate: (prompt, count) => slots[0]!.generate(prompt, count),
    async generateTogether(prompts, count) {
      await Promise.all(
        prompts.map(async (prompt, index) => {
          for await (const _ of slots[index]!.generate(prompt, count));
        }),
      )
    },
    close,
  }
}

/** One of the sequences that a context computes together. */
export interface LlamaSlot {
  /** Greedy tokens, of which the end token is none; nothing is kept from earlier prompts. */
  generate(prompt: readonly number[], count: number): AsyncGenerator<Token>
}

/** A model with room for several sequences. */
export async function openLlamaSlots({ path, threads, contextSize, sequences }: EngineOptions) {
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    logLevel: LlamaLogLevel.error,
    maxThreads: threads,
  })
  const model = await llama.loadModel({ modelPath: path })
  const context = await model.createContext({ contextSize, threads, sequences })

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

  const slots = Array.from({ length: sequences }, (): LlamaSlot => {
    const slot = context.getSequence()
    return { generate: (prompt, count) => generate(slot, prompt, count) }
  })
  return { slots, textOf: (token: Token) => model.detokenize([token]), close: () => llama.dispose() }
}
