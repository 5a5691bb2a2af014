import type { Checkpoint } from '@hfquant/core/runtime'
import { describe, expect, test } from 'vitest'
import { resolveDtype } from './resolve-dtype.js'

/** What is looked at of a checkpoint: the dtype of its index, and those of its tensors in their order. */
function checkpoint(indexDtype?: unknown, ...dtypes: readonly string[]): Checkpoint {
  const tensors = new Map(dtypes.map((dtype, index) => [String(index), { dtype }]))
  const [folder, path] = ['model', 'model/model.safetensors.index.json']
  return { folder, path, indexDtype, tensors } as unknown as Checkpoint
}

describe('the dtype of a model is', () => {
  const everywhere = checkpoint('float16', 'float16')

  test('what the caller says, before everything', () => {
    expect(resolveDtype('fp32', { dtype: 'bfloat16' }, everywhere)).toBe('float32')
  })

  test.each([undefined, null, 'auto'])('what config.json says, for an argument of %s', (argument) => {
    expect(resolveDtype(argument, { dtype: 'bfloat16' }, everywhere)).toBe('bfloat16')
    expect(resolveDtype(argument, { torch_dtype: 'torch.bfloat16' }, everywhere)).toBe('bfloat16')
    expect(resolveDtype(argument, { dtype: 'float32', torch_dtype: 'bfloat16' }, everywhere)).toBe('float32')
  })

  test.each([{}, { dtype: null }, { torch_dtype: 'auto' }])(
    'that of the index, for a config.json of %j',
    (json) => {
      expect(resolveDtype(undefined, json, checkpoint('float16', 'bfloat16'))).toBe('float16')
    },
  )

  test('that of the first float tensor, where no file says one', () => {
    expect(resolveDtype(undefined, {}, checkpoint(undefined, 'int8', 'bfloat16', 'float16'))).toBe('bfloat16')
    expect(resolveDtype(undefined, {}, checkpoint(null, 'float16'))).toBe('float16')
  })

  test('float32, where nothing is a float', () => {
    expect(resolveDtype(undefined, {}, checkpoint(undefined, 'int8'))).toBe('float32')
  })

  test.each(['float64', 'double', 'torch.float64'])(
    'float32 for a %s in a file, which nothing computes in',
    (named) => {
      expect(resolveDtype(undefined, { dtype: named }, checkpoint())).toBe('float32')
      expect(resolveDtype(undefined, {}, checkpoint(named))).toBe('float32')
      expect(() => resolveDtype(named, {}, checkpoint())).toThrow(
        expect.objectContaining({ name: 'ConfigError', code: 'DTYPE_UNKNOWN' }),
      )
    },
  )
})

describe('a dtype that is none is refused with the place that says it', () => {
  test.each([
    [{ torch_dtype: 'float12' }, undefined, 'DTYPE_UNKNOWN', 'model/config.json: dtype'],
    [{ dtype: 16 }, undefined, 'DTYPE_TYPE', 'model/config.json: dtype'],
    [{}, 'int8', 'DTYPE_NOT_FLOATING', 'model/model.safetensors.index.json: metadata.dtype'],
  ])('config.json %j, index %j', (json, indexDtype, code, place) => {
    expect(() => resolveDtype(undefined, json, checkpoint(indexDtype))).toThrow(
      expect.objectContaining({ name: 'ConfigError', code, message: expect.stringContaining(place) }),
    )
  })

  test('that of the float weights of a quantized checkpoint, whatever config.json says', () => {
    const quantized = (...dtypes: readonly string[]) => {
      const tensors = new Map(dtypes.map((dtype, index) => [`layers.${index}.weight`, { dtype }]))
      return { ...checkpoint(), tensors } as unknown as Checkpoint
    }
    const found = quantized('bfloat16', 'int8', 'bfloat16')
    expect(resolveDtype(undefined, { dtype: 'float32' }, found, true)).toBe('bfloat16')
    expect(resolveDtype(undefined, { dtype: 'float32' }, found, false)).toBe('float32')
    expect(resolveDtype('float16', { dtype: 'float32' }, found, true)).toBe('float16')
    for (const mixed of [quantized('bfloat16', 'float32'), quantized('int8')])
      expect(resolveDtype(undefined, { dtype: 'float16' }, mixed, true)).toBe('float16')
  })
})
