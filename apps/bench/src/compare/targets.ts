import { ratio, type Sample, type Spread, spread, valuesOf } from '../measure/samples.js'
import type { Contender } from './contenders.js'

/** A promise about speed or memory, and what became of it. */
export interface TargetResult {
  readonly target: string
  readonly bound: string
  /** Undefined when it was not measured. */
  readonly found: Spread | undefined
  readonly met: boolean | undefined
  /** The contender that is held against the bound; of several the best. */
  readonly by: string | undefined
}

interface Target {
  readonly name: string
  readonly atLeast?: number
  readonly atMost?: number
  /** Recipe of hfquant; without one the best of all with so many bits. */
  readonly recipe?: string
  readonly bits: 4 | 8
  readonly found: (contender: string, data: TargetData) => Spread | undefined
}

export interface TargetData {
  readonly samples: readonly Sample[]
  /** Bytes of the Q4_0 file. */
  readonly fourBitBytes: number | undefined
}

const DYNAMIC = 'int8-dynamic-act-int8-weight'
const [Q4, Q8] = ['node-llama-cpp Q4_0', 'node-llama-cpp Q8_0']

const against =
  (peer: string, figure: string): Target['found'] =>
  (contender, { samples }) =>
    ratio(samples, [contender, figure], [peer, figure])

const own =
  (figure: string): Target['found'] =>
  (contender, { samples }) => {
    const values = valuesOf(samples, contender, figure)
    return values.length === 0 ? undefined : spread(values)
  }

const decodeTargets = (...bounds: readonly (readonly [context: number, atLeast: number])[]): Target[] =>
  bounds.map(([context, atLeast]) => ({
    name: `decode, 4-bit, context ${context}, against Q4_0`,
    ...{ bits: 4, atLeast, found: against(Q4, `decode ${context}`) },
  }))

const startTargets = (
  name: string,
  figure: string,
  { four, eight }: { readonly four: number; readonly eight: number },
): Target[] => [
  { name: `${name}, 4-bit, against Q4_0`, bits: 4, atMost: four, found: against(Q4, figure) },
  { name: `${name}, 8-bit, against Q8_0`, bits: 8, atMost: eight, found: against(Q8, figure) },
]

const together: Target['found'] = (contender, { samples }) =>
  ratio(samples, [contender, 'together 8'], [contender, 'together 1'])

const TARGETS: readonly Target[] = [
  ...decodeTargets([128, 1.25], [1024, 1.2], [4096, 1.15], [16384, 1.1]),
  ...[128, 1024, 4096].map((context) => ({
    name: `decode, ${DYNAMIC}, context ${context}, against Q8_0`,
    ...({ bits: 8, recipe: DYNAMIC, atLeast: 1.05, found: against(Q8, `decode ${context}`) } as const),
  })),
  { name: 'decode, 4-bit, context 128, of the bandwidth', bits: 4, atLeast: 0.85, found: own('share 128') },
  { name: 'decode, 8-bit, context 128, of the bandwidth', bits: 8, atLeast: 0.92, found: own('share 128') },
  { name: 'prefill 512, 4-bit, against Q4_0', bits: 4, atLeast: 1.1, found: against(Q4, 'prefill 512') },
  {
    name: `prefill 512, ${DYNAMIC}, against Q8_0`,
    ...{ bits: 8, recipe: DYNAMIC, atLeast: 1.5, found: against(Q8, 'prefill 512') },
  },
  {
    name: `prefill 4096, ${DYNAMIC}, against Q8_0`,
    ...{ bits: 8, recipe: DYNAMIC, atLeast: 2, found: against(Q8, 'prefill 4096') },
  },
  ...startTargets('first start', 'start first', { four: 1.2, eight: 1.2 }),
  ...startTargets('later start, file in memory', 'start warm', { four: 0.5, eight: 0.7 }),
  ...startTargets('later start, page cache dropped', 'start cold', { four: 0.9, eight: 0.9 }),
  {
    name: 'compiled model, 4-bit, of the bytes of its weights',
    bits: 4,
    atMost: 1.1,
    found: own('artifact'),
  },
  {
    name: 'compiled model, 8-bit, of the bytes of its weights',
    bits: 8,
    atMost: 1.1,
    found: own('artifact'),
  },
  { name: 'anonymous memory, 4-bit, share of the Q4_0 file', bits: 4, atMost: 0.25, found: memoryShare },
  {
    name: `eight sequences, ${DYNAMIC}, against one`,
    bits: 8,
    recipe: DYNAMIC,
    atLeast: 2.2,
    found: together,
  },
  { name: 'eight sequences, 4-bit, against one', bits: 4, atLeast: 1.3, found: together },
]

function memoryShare(contender: string, { samples, fourBitBytes }: TargetData): Spread | undefined {
  const values = valuesOf(samples, contender, 'memory anonymous')
  if (fourBitBytes === undefined || values.length === 0) return undefined
  return spread(values.map((megabytes) => (megabytes * 1e6) / fourBitBytes))
}

/** Every target with the median of what was measured. */
export function judgeTargets(contenders: readonly Contender[], data: TargetData): readonly TargetResult[] {
  return TARGETS.map(({ name, bits, recipe, atLeast, atMost, found }) => {
    const ours = contenders.filter(
      (contender) =>
        contender.engine === 'hfquant' &&
        contender.bits === bits &&
        (recipe === undefined || contender.name === `hfquant ${recipe}`),
    )
    const sign = atLeast === undefined ? 1 : -1
    const [best] = ours
      .flatMap(({ name: by }) => {
        const value = found(by, data)
        return value === undefined ? [] : [{ by, value }]
      })
      .sort((left, right) => sign * (left.value.median - right.value.median))
    const met = best && (atLeast === undefined ? best.value.median <= atMost! : best.value.median >= atLeast)
    const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`
    return { target: name, bound, found: best?.value, met, by: best?.by }
  })
}
