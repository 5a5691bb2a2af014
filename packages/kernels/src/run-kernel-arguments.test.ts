import { describe, expect, it } from 'vitest'
import { KernelArgumentError, KernelError, runKernel, UnknownKernelError } from './index.js'

const bytes = (length: number) => new Uint8Array(length)
const groups = {
  dtype: 'bfloat16',
  rows: 1,
  columns: 8,
  groupSize: 4,
  bits: 4,
  mapping: 'symmetric',
  eps: 'tiny',
}
const outputs = () => [bytes(8), bytes(4), bytes(2)]

describe('a call that does not fit its kernel is refused before it runs', () => {
  it('an unknown kernel: the known ones are listed', () => {
    expect(() => runKernel('int9Rows', {}, [], [])).toThrow(UnknownKernelError)
    expect(() => runKernel('int9Rows', {}, [], [])).toThrow(
      /"int9Rows".*known kernels: copy, cast, .*int8Rows/,
    )
  })

  it.each([
    ['an unknown dtype', { ...groups, dtype: 'float64' }, /"dtype" is "float64", expected one of float32/],
    ['a missing parameter', { dtype: 'bfloat16' }, /"mapping" is undefined/],
    ['a fractional count', { ...groups, rows: 1.5 }, /"rows" is 1.5, expected a whole number, 0 or more/],
    ['too many bits', { ...groups, bits: 9 }, /"bits" is 9, expected a whole number, 1 to 8/],
    [
      'a group that does not divide',
      { ...groups, groupSize: 3 },
      /"groupSize" is 3, expected a divisor of 8/,
    ],
    [
      'one bit without a positive code',
      { ...groups, bits: 1, mapping: 'symmetricNoClippingErr' },
      /"bits" is 1, expected a whole number, 2 to 8/,
    ],
  ])('%s', (_what, params, message) => {
    expect(() => runKernel('intGroups', params, [bytes(16)], outputs())).toThrow(message)
    expect(() => runKernel('intGroups', params, [bytes(16)], outputs())).toThrow(KernelArgumentError)
  })

  it('byte lengths that differ from the shape', () => {
    expect(() => runKernel('intGroups', groups, [bytes(15)], outputs())).toThrow(/input 0 is 15, expected 16/)
    expect(() => runKernel('intGroups', groups, [bytes(16)], [bytes(8), bytes(4)])).toThrow(
      /outputs is 2, expected 3/,
    )
    expect(() => runKernel('cast', { from: 'float32', to: 'float16' }, [bytes(5)], [bytes(2)])).toThrow(
      /input 0 is 5, expected 4/,
    )
  })

  it('an odd block of nibbles', () => {
    const params = { rows: 1, columns: 3, blockSize: 3 }
    expect(() => runKernel('packNibbles', params, [bytes(3)], [bytes(2)])).toThrow(
      /"blockSize" is 3, expected an even/,
    )
  })

  it('errors carry code and hint and are recognised by family', () => {
    try {
      runKernel('nothing', {}, [], [])
      expect.unreachable()
    } catch (error) {
      expect(KernelError.isInstance(error)).toBe(true)
      expect(UnknownKernelError.isInstance(error)).toBe(true)
      expect(KernelArgumentError.isInstance(error)).toBe(false)
      expect(error).toMatchObject({ code: 'KERNEL_UNKNOWN', hint: expect.stringContaining('plug-in') })
    }
    expect(KernelError.isInstance(new Error('other'))).toBe(false)
    expect(KernelError.isInstance(undefined)).toBe(false)
  })
})
