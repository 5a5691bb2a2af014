/** What can be measured of a model in one process. */
export const SUBJECTS = ['start', 'memory', 'prefill', 'decode', 'together'] as const

export type Subject = (typeof SUBJECTS)[number]

/** What a figure counts, and whether more of it is better. */
export interface Unit {
  readonly name: string
  readonly better: 'more' | 'less'
}

const TOKENS: Unit = { name: 'tokens/s', better: 'more' }
const SECONDS: Unit = { name: 's', better: 'less' }
const MEGABYTES: Unit = { name: 'MB', better: 'less' }

/** By the first word of a figure's name: "decode 128" and "decode 128, 4 layers" are in tokens per second. */
const UNITS: Readonly<Record<string, Unit>> = {
  start: SECONDS,
  memory: MEGABYTES,
  prefill: TOKENS,
  decode: TOKENS,
  together: TOKENS,
  bandwidth: { name: 'GB/s', better: 'more' },
  share: { name: 'of the bandwidth', better: 'more' },
  artifact: { name: 'times its weights', better: 'less' },
  quantize: { name: 'MB/s', better: 'more' },
}

export const unitOf = (figure: string): Unit => UNITS[figure.split(/[ ,]/)[0]!]!

export const PREFILL_LENGTHS = [128, 512, 1024, 4096] as const
export const DECODE_CONTEXTS = [128, 1024, 4096, 16384] as const
export const TOGETHER = 8
/** Short prompts, so that the figure is about decoding. */
export const TOGETHER_PROMPT = 16
