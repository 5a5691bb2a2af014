import { createPrompts } from '../measure/prompts.js'
import { residentMemory } from '../measure/resident-memory.js'
import { type EngineName, openEngine } from './engines/engine.js'
import { type Subject, TOGETHER, TOGETHER_PROMPT } from './figures.js'

export interface MeasureRequest {
  readonly engine: EngineName
  readonly path: string
  readonly threads: number
  readonly vocabulary: number
  /** Positions of the model; longer figures are left out. */
  readonly contextLength: number
  /** Tokens that a speed of decoding is measured over. */
  readonly tokens: number
  readonly subjects: readonly Subject[]
  /** Tokens that decoding is measured behind; longer ones than the model has positions for are left out. */
  readonly contexts: readonly number[]
  /** Lengths of the prompts whose reading is measured. */
  readonly prefills: readonly number[]
}

/** Values by the name of the figure. */
export type Measurement = Readonly<Record<string, number>>

const STARTING_PROMPT = 8

/**
 * Measures one model in this process, which has done nothing else: the time to the first token counts from the start of
 * the process, the import of the library included.
 */
export async function measureModel(request: MeasureRequest): Promise<Measurement> {
  const { engine: name, path, threads, tokens, subjects, contextLength } = request
  const fits = (length: number) => length + tokens <= contextLength
  const prefills = subjects.includes('prefill') ? request.prefills.filter(fits) : []
  const contexts = subjects.includes('decode') ? request.contexts.filter(fits) : []
  const lengths = [...new Set([...prefills, ...contexts])].sort((left, right) => left - right)
  const together = subjects.includes('together')
  const contextSize = Math.max(...lengths, TOGETHER_PROMPT) + tokens
  const engine = await openEngine(name, { path, threads, contextSize, sequences: together ? TOGETHER : 1 })
  const prompt = createPrompts(request.vocabulary)
  const figures: Record<string, number> = {}

  for await (const _ of engine.generate(prompt(STARTING_PROMPT), 1));
  if (subjects.includes('start')) figures['start warm'] = performance.now() / 1000
  const memory = subjects.includes('memory') ? residentMemory() : undefined
  if (memory !== undefined) {
    figures['memory anonymous'] = memory.anonymous / 1e6
    figures['memory file'] = memory.file / 1e6
  }
  // The first products of a process meet caches and branch predictors that know nothing of them.
  if (lengths.length > 0) for await (const _ of engine.generate(prompt(32), 4));

  for (const length of lengths) {
    const decodes = contexts.includes(length)
    const { first, last } = await time(engine.generate(prompt(length), decodes ? tokens : 1))
    if (prefills.includes(length)) figures[`prefill ${length}`] = length / first
    if (decodes) figures[`decode ${length}`] = (tokens - 1) / (last - first)
  }
  if (together && engine.generateTogether !== undefined) {
    for (const sequences of [1, TOGETHER]) {
      const prompts = Array.from({ length: sequences }, () => prompt(TOGETHER_PROMPT))
      const start = performance.now()
      await engine.generateTogether(prompts, tokens)
      figures[`together ${sequences}`] = (sequences * tokens * 1000) / (performance.now() - start)
    }
  }
  await engine.close()
  return figures
}

/** Seconds until the first and until the last token. */
async function time(
  tokens: AsyncIterable<unknown>,
): Promise<{ readonly first: number; readonly last: number }> {
  const start = performance.now()
  let first = 0
  let last = 0
  for await (const _ of tokens) {
    last = (performance.now() - start) / 1000
    if (first === 0) first = last
  }
  return { first, last }
}
