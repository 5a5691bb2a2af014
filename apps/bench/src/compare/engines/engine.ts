/** A model that a library has loaded. */
export interface Engine {
  /**
   * Greedy tokens after a prompt, of which nothing is kept from earlier calls. The end token does not end them: every
   * library does the same work.
   */
  generate(prompt: readonly number[], count: number): AsyncIterable<unknown>
  /** Several prompts of one length at the same time, to the last token of each; absent if the library has no way. */
  generateTogether?(prompts: readonly (readonly number[])[], count: number): Promise<void>
  close(): Promise<void>
}

export interface EngineOptions {
  /** File or folder of the model. */
  readonly path: string
  readonly threads: number
  /** Positions that one sequence needs at most. */
  readonly contextSize: number
  /** Sequences at once. */
  readonly sequences: number
}

export const ENGINES = ['hfquant', 'node-llama-cpp', 'transformers.js'] as const

export type EngineName = (typeof ENGINES)[number]

/** Imports a library, and nothing of the others, and loads a model. */
export async function openEngine(name: EngineName, options: EngineOptions): Promise<Engine> {
  switch (name) {
    case 'hfquant':
      return (await import('./hfquant.js')).openHfquant(options)
    case 'node-llama-cpp':
      return (await import('./node-llama-cpp.js')).openLlamaCpp(options)
    case 'transformers.js':
      return (await import('./transformers-js.js')).openTransformersJs(options)
  }
}
