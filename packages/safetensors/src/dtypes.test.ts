import { expect, it } from 'vitest'
import { dtypeBits, isSafetensorsDtype, safetensorsDtypes } from './index.js'

it('knows the width of every dtype of the format', () => {
  expect(Object.fromEntries(safetensorsDtypes.map((dtype) => [dtype, dtypeBits(dtype)]))).toEqual({
    ...{ F4: 4, F6_E2M3: 6, F6_E3M2: 6 },
    ...{ BOOL: 8, U8: 8, I8: 8 },
    ...{ F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8 },
    ...{ I16: 16, U16: 16, F16: 16, BF16: 16 },
    ...{ I32: 32, U32: 32, F32: 32 },
    ...{ C64: 64, F64: 64, I64: 64, U64: 64 },
  })
})

it('takes only spellings of the format for a dtype', () => {
  expect(isSafetensorsDtype('BF16')).toBe(true)
  for (const other of ['bf16', 'toString', '__proto__', '', undefined, 16])
    expect(isSafetensorsDtype(other)).toBe(false)
})
