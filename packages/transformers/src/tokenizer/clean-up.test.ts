import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanUp, createCleanUpStream } from './clean-up.js'

describe('clean-up of tokenization spaces', () => {
  it('removes spaces before punctuation and English contractions', () => {
    expect(cleanUp("we 're sure , it 's fine ! do n't you 've a ' quote ' ?")).toBe(
      "we're sure, it's fine! don't you've a'quote '?",
    )
  })

  it('gives the same in pieces, wherever the text is cut', () => {
    const part = fc.constantFrom(
      ' ',
      "'",
      '.',
      ',',
      '?',
      '!',
      'n',
      't',
      'm',
      's',
      'v',
      'e',
      'r',
      'x',
      " 're",
      " n't",
      " 've",
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (pieces) => {
        const stream = createCleanUpStream()
        const text =
          pieces.map((piece) => piece.split('').map(stream.push).join('')).join('') + stream.flush()
        expect(text).toBe(cleanUp(pieces.join('')))
      }),
      { numRuns: 1000 },
    )
  })
})
