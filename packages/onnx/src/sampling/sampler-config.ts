/** How tokens are chosen. */
export interface SamplerConfig {
  /** Choose at random (true) or take the most likely token (false). */
  readonly doSample: boolean
  /** Divides the logits. Above 0 if doSample. */
  readonly temperature: number
  /** 0: no limit. */
  readonly topK: number
  readonly topP: number
  readonly minP: number | undefined
  readonly repetitionPenalty: number
  readonly seed: number | undefined
}
