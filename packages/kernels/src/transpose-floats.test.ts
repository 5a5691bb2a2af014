import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FLOAT_DTYPES, floatBytes, reference, runKernel } from './index.js'

test('transposeFloats is its formula, and twice is nothing', () => {
  const size = fc.integer({ min: 0, max: 150 })
  fc.assert(
    fc.property(fc.constantFrom(...FLOAT_DTYPES), size, size, fc.integer(), (dtype, rows, columns, seed) => {
      const source = new Uint8Array(rows * columns * floatBytes(dtype)).map(
        (_, index) => (index * 31 + seed) & 255,
      )
      const turned = new Uint8Array(source.length)
      const wanted = new Uint8Array(source.length)
      const back = new Uint8Array(source.length)
      runKernel('transposeFloats', { dtype, rows, columns }, [source], [turned])
      reference.transposeFloats({ dtype, rows, columns }, [source], [wanted])
      expect(turned).toEqual(wanted)
      runKernel('transposeFloats', { dtype, rows: columns, columns: rows }, [turned], [back])
      expect(back).toEqual(source)
    }),
    { numRuns: 40 },
  )
})

test('transposeFloats turns floats alone: codes of other dtypes are cast first', () => {
  const bytes = new Uint8Array(8)
  const turn = () => runKernel('transposeFloats', { dtype: 'float64', rows: 1, columns: 1 }, [bytes], [bytes])
  expect(turn).toThrow(/dtype/)
})
