import { describe, expect, test } from 'vitest'
import { readVariant } from './variant.js'

const refusalOf = (variant: unknown, dtype?: string): unknown => {
  try {
    return readVariant(variant, dtype)
  } catch (error) {
    return error
  }
}

describe('a variant names a file, and implies its dtype', () => {
  test.each([
    ['fp16', 'model.fp16.safetensors', 'float16'],
    ['half', 'model.fp16.safetensors', 'float16'],
    ['BF16', 'model.bf16.safetensors', 'bfloat16'],
    ['bfloat16', 'model.bf16.safetensors', 'bfloat16'],
  ])('%s', (variant, file, dtype) => {
    expect(readVariant(variant, undefined)).toEqual({ file, dtype })
    expect(readVariant(variant, dtype)).toEqual({ file, dtype })
    expect(readVariant(variant, 'auto')).toEqual({ file, dtype })
  })

  test('none is asked for', () => {
    expect([readVariant(undefined, 'fp16'), readVariant(null, undefined)]).toEqual([undefined, undefined])
  })
})

test.each([
  ['fp32', undefined, 'VARIANT_UNKNOWN', 'Leave variant out'],
  ['float', undefined, 'VARIANT_UNKNOWN', 'Leave variant out'],
  ['int8', undefined, 'VARIANT_UNKNOWN', "quantize: 'int8'"],
  ['fp8', undefined, 'VARIANT_UNKNOWN', "quantize: 'int8'"],
  ['', undefined, 'VARIANT_UNKNOWN', "quantize: 'int8'"],
  [16, undefined, 'VARIANT_TYPE', "'fp16' or 'bf16'"],
  [true, undefined, 'VARIANT_TYPE', "'fp16' or 'bf16'"],
  ['fp16', 'bf16', 'VARIANT_DTYPE', 'Leave dtype out, or leave variant out'],
  ['bf16', 'fp32', 'VARIANT_DTYPE', 'Leave dtype out, or leave variant out'],
])('variant %j with dtype %j is refused', (variant, dtype, code, hint) => {
  const refused = { name: 'ConfigError', code, field: 'variant', hint: expect.stringContaining(hint) }
  expect(refusalOf(variant, dtype)).toMatchObject(refused)
})
