import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createStopStrings } from './index.js'

/** Everything that comes out when the pieces go in. */
function run(stops: readonly string[], pieces: readonly string[]): { text: string; stopped: boolean } {
  const matcher = createStopStrings(stops)
  const results = pieces.map((piece) => matcher.push(piece))
  const text = results.map(({ emit }) => emit).join('') + matcher.flush()
  return { text, stopped: results.at(-1)?.stopped ?? false }
}

/** The definition: the first end of any stop string, and the longest one that ends there. */
function search(stops: readonly string[], text: string): { text: string; stopped: boolean } {
  for (let end = 1; end <= text.length; end++) {
    const found = stops.filter((stop) => text.slice(0, end).endsWith(stop)).map((stop) => stop.length)
    if (found.length > 0) return { text: text.slice(0, end - Math.max(...found)), stopped: true }
  }
  return { text, stopped: false }
}

describe('createStopStrings', () => {
  it('ends before a stop string, even across pieces', () => {
    const matcher = createStopStrings(['\nUser:'])
    expect(matcher.push('Hi')).toEqual({ emit: 'Hi', stopped: false })
    expect(matcher.push(' there\nUs')).toEqual({ emit: ' there', stopped: false })
    expect(matcher.push('er: next')).toEqual({ emit: '', stopped: true })
    expect(matcher.push('more')).toEqual({ emit: '', stopped: true })
    expect(matcher.flush()).toBe('')
  })

  it('hands out what it held back when the beginning goes on differently, or nothing follows', () => {
    const matcher = createStopStrings(['END'])
    expect(matcher.push('the EN').emit).toBe('the ')
    expect(matcher.push('GINE E').emit).toBe('ENGINE ')
    expect(matcher.flush()).toBe('E')
  })

  it('holds nothing back without stop strings', () => {
    expect(createStopStrings([]).push('anything')).toEqual({ emit: 'anything', stopped: false })
  })

  it('equals a search in the whole text, wherever it is cut', () => {
    const letters = (minLength: number, maxLength: number) =>
      fc.array(fc.constantFrom('a', 'b', '世'), { minLength, maxLength }).map((list) => list.join(''))
    fc.assert(
      fc.property(
        fc.array(letters(1, 5), { maxLength: 3 }),
        fc.array(letters(0, 6), { maxLength: 12 }),
        (stops, pieces) => {
          expect(run(stops, pieces)).toEqual(search(stops, pieces.join('')))
        },
      ),
      { numRuns: 1000 },
    )
  })
})
