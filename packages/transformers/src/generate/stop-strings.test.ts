import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createStopStrings } from './index.js'

/** Everything that comes out when the pieces go in. */
function run(
  stops: readonly string[],
  pieces: readonly string[],
): { text: string; stop: string | undefined } {
  const matcher = createStopStrings(stops)
  const results = pieces.map((piece) => matcher.push(piece))
  const text = results.map(({ emit }) => emit).join('') + matcher.flush()
  return { text, stop: results.at(-1)?.stop }
}

/** The definition: the first end of any stop string, and the longest one that ends there. */
function search(stops: readonly string[], text: string): { text: string; stop: string | undefined } {
  for (let end = 1; end <= text.length; end++) {
    const [longest] = stops
      .filter((stop) => text.slice(0, end).endsWith(stop))
      .sort((a, b) => b.length - a.length)
    if (longest !== undefined) return { text: text.slice(0, end - longest.length), stop: longest }
  }
  return { text, stop: undefined }
}

describe('createStopStrings', () => {
  it('ends before a stop string, even across pieces', () => {
    const matcher = createStopStrings(['\nUser:'])
    expect(matcher.push('Hi')).toEqual({ emit: 'Hi', stop: undefined })
    expect(matcher.push(' there\nUs')).toEqual({ emit: ' there', stop: undefined })
    expect(matcher.push('er: next')).toEqual({ emit: '', stop: '\nUser:' })
    expect(matcher.push('more')).toEqual({ emit: '', stop: '\nUser:' })
    expect(matcher.flush()).toBe('')
  })

  it('hands out what it held back when the beginning goes on differently, or nothing follows', () => {
    const matcher = createStopStrings(['END'])
    expect(matcher.push('the EN').emit).toBe('the ')
    expect(matcher.push('GINE E').emit).toBe('ENGINE ')
    expect(matcher.flush()).toBe('E')
  })

  it('holds nothing back without stop strings', () => {
    expect(createStopStrings([]).push('anything')).toEqual({ emit: 'anything', stop: undefined })
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
