import { CapabilityError, ConfigError, type JsonObject, readBoolean } from '@hfquant/core'

/** How one vector is made of those of a text's tokens. */
export type PoolingMode = 'cls' | 'max' | 'mean' | 'mean_sqrt_len_tokens' | 'weightedmean' | 'lasttoken'

export interface Pooling {
  /** Their vectors stand one behind the other. */
  readonly modes: readonly PoolingMode[]
  /** Whether tokens of a prompt count. */
  readonly includesPrompt: boolean
}

/** Flags of older files, in the order in which their vectors stand. */
const FLAGS: readonly (readonly [flag: string, mode: PoolingMode])[] = [
  ['pooling_mode_cls_token', 'cls'],
  ['pooling_mode_max_tokens', 'max'],
  ['pooling_mode_mean_tokens', 'mean'],
  ['pooling_mode_mean_sqrt_len_tokens', 'mean_sqrt_len_tokens'],
  ['pooling_mode_weightedmean_tokens', 'weightedmean'],
  ['pooling_mode_lasttoken', 'lasttoken'],
]
const MODES: readonly string[] = FLAGS.map(([, mode]) => mode)

/** What sentence-transformers does with a folder that says nothing. */
export const MEAN_POOLING: Pooling = { modes: ['mean'], includesPrompt: true }

/**
 * The configuration of a Pooling module.
 *
 * @throws CapabilityError POOLING for a mode that is not offered, or stands there twice; ConfigError FIELD_VALUE for none at all.
 */
export function readPooling(json: JsonObject): Pooling {
  const includesPrompt = readBoolean(json, 'include_prompt', true)
  const { pooling_mode: named } = json
  const modes =
    named === undefined || named === null
      ? FLAGS.filter(([flag]) => readBoolean(json, flag, false)).map(([, mode]) => mode)
      : [named].flat()
  const other = modes.find((mode, index) => !MODES.includes(mode as string) || modes.indexOf(mode) < index)
  if (other !== undefined) {
    throw new CapabilityError('POOLING', `pooling_mode ${JSON.stringify(other)} is not offered`, {
      field: 'pooling_mode',
      found: other,
      expected: MODES,
      hint: 'Take hidden states with encode, and pool them.',
    })
  }
  if (modes.length > 0) return { modes: modes as PoolingMode[], includesPrompt }
  throw new ConfigError('FIELD_VALUE', 'no pooling mode is switched on', {
    field: 'pooling_mode',
    expected: MODES,
    hint: 'Take the file from the revision of the weights.',
  })
}

/**
 * One vector of the hidden states of a text, [tokens, width]; sums in double precision.
 *
 * @param promptTokens the first of them, which do not count where the pooling excludes prompts.
 */
export function pool(
  states: Float32Array,
  width: number,
  { modes, includesPrompt }: Pooling,
  promptTokens: number,
): Float64Array {
  const tokens = states.length / width
  const first = includesPrompt ? 0 : Math.min(promptTokens, tokens - 1)
  const pooled = new Float64Array(modes.length * width)
  for (const [index, mode] of modes.entries()) {
    const into = pooled.subarray(index * width, (index + 1) * width)
    POOLS[mode](into, states, first)
  }
  return pooled
}

const POOLS: Readonly<
  Record<PoolingMode, (into: Float64Array, states: Float32Array, first: number) => void>
> = {
  cls: (into, states) => into.set(states.subarray(0, into.length)),
  lasttoken: (into, states) => into.set(states.subarray(states.length - into.length)),
  mean: (into, states, first) =>
    weightedSum(
      into,
      states,
      first,
      () => 1,
      (total) => total,
    ),
  mean_sqrt_len_tokens: (into, states, first) => weightedSum(into, states, first, () => 1, Math.sqrt),
  weightedmean: (into, states, first) =>
    weightedSum(
      into,
      states,
      first,
      (token) => token + 1,
      (total) => total,
    ),
  max(into, states, first) {
    into.fill(Number.NEGATIVE_INFINITY)
    for (let at = first * into.length; at < states.length; at++) {
      const channel = at % into.length
      into[channel] = Math.max(into[channel]!, states[at]!)
    }
  },
}

/** Σ weight · state / divisor(Σ weight) */
function weightedSum(
  into: Float64Array,
  states: Float32Array,
  first: number,
  weightOf: (token: number) => number,
  divisor: (total: number) => number,
): void {
  const width = into.length
  let total = 0
  for (let token = first; token < states.length / width; token++) {
    const weight = weightOf(token)
    total += weight
    for (let channel = 0; channel < width; channel++) {
      into[channel]! += weight * states[token * width + channel]!
    }
  }
  const by = divisor(total)
  for (let channel = 0; channel < width; channel++) into[channel]! /= by
}
