import type { SamplerConfig } from '../sampling/sampler-config.js'

/** The most likely token, whatever came before. */
export const GREEDY: SamplerConfig = {
  doSample: false,
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: undefined,
  repetitionPenalty: 1,
  seed: undefined,
}

/** A random token, from all of them if nothing else is said. */
export const atRandom = (settings: Partial<SamplerConfig>): SamplerConfig => ({
  ...GREEDY,
  doSample: true,
  ...settings,
})
