import { expect, test } from 'vitest'
import { unitOf } from './figures.js'

test.each([
  ['decode 128', 'tokens/s'],
  ['decode 128, 4 layers', 'tokens/s'],
  ['quantize', 'MB/s'],
  ['quantize, 4 layers', 'MB/s'],
  ['start warm, 4 layers', 's'],
  ['share 128', 'of the bandwidth'],
])('%s is counted in %s', (figure, unit) => {
  expect(unitOf(figure).name).toBe(unit)
})
