import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { filterLogits, penalizeRepetition } from './logits-processor.js'
import { kthLargest, visitDescending } from './select-top.js'

interface Settings {
  readonly repetitionPenalty?: number
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
}

interface Processors {
  readonly cases: readonly {
    readonly kind: string
    readonly settings: Settings
    readonly previousTokens: number[]
    /** null stands for -Infinity. */
    readonly logits: (number | null)[]
    readonly processed: (number | null)[]
  }[]
}

const file = new URL('../../../../goldens/generation/processors.json', import.meta.url)
const { cases } = JSON.parse(await readFile(file, 'utf8')) as Processors
const minus = Number.NEGATIVE_INFINITY

describe('the processors, compared with those of the Python transformers', () => {
  it.each(cases)('$settings on $kind logits', ({ settings, previousTokens, logits, processed }) => {
    const work = Float32Array.from(logits, (logit) => logit ?? minus)
    const { repetitionPenalty = 1, temperature = 1, topK = 0, topP = 1, minP } = settings
    if (repetitionPenalty !== 1) penalizeRepetition(work, previousTokens, repetitionPenalty)
    const candidates = filterLogits(work, { temperature, topK, topP, minP })

    const expectedIds = processed.flatMap((logit, token) => (logit === null ? [] : [token]))
    expect([...candidates.ids]).toEqual(expectedIds)
    candidates.ids.forEach((token, position) => {
      const expected = processed[token]!
      // One float32 step: both sides divide in float32, but torch may multiply by the reciprocal.
      expect(Math.abs(candidates.logits[position]! - expected)).toBeLessThanOrEqual(
        Math.abs(expected) * 2 ** -22,
      )
    })
  })
})

describe('top-p among equal logits', () => {
  it('stops exactly where the probability is reached, and keeps the lowest tokens', () => {
    const filtered = filterLogits(new Float32Array(4), {
      temperature: 1,
      topK: 0,
      topP: 0.5,
      minP: undefined,
    })
    expect([...filtered.ids]).toEqual([0, 1])
  })
})

describe('partial selection equals sorting', () => {
  const floats = fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 60 })

  it('for the k-th largest', () => {
    fc.assert(
      fc.property(floats, fc.nat(), (list, number) => {
        const values = Float32Array.from(list)
        const k = 1 + (number % values.length)
        // + 0: of two equal zeros either sign may come.
        expect(kthLargest(values, k) + 0).toBe(values.slice().sort()[values.length - k]! + 0)
      }),
    )
  })

  it('for visiting in descending order', () => {
    fc.assert(
      fc.property(floats, fc.nat(70), (list, limit) => {
        const logits = Float32Array.from(list, Math.round)
        const ids = Int32Array.from(list.keys())
        const visited: number[] = []
        visitDescending(ids, logits, (position) => visited.push(position) < limit)
        const sorted = [...ids].sort((a, b) =>
          logits[b] === logits[a] ? a - b : logits[b]! > logits[a]! ? 1 : -1,
        )
        expect(visited).toEqual(sorted.slice(0, Math.max(1, limit)))
      }),
    )
  })
})
