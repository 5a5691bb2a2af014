import { describe, expect, test } from 'vitest'
import type { StoredTensor, StoredWeight } from '../contract/quantizer.js'
import { storedTensors } from './stored-tensors.js'

const path = 'model.layers.0.mlp.up_proj'
const scale: StoredTensor = { dtype: 'float32', shape: [2, 2], file: 'model.safetensors' }

const stored = (values: number[], trusted = false): StoredWeight => ({
  tensors: new Map([['scale', scale]]),
  files: ['model.safetensors'],
  trusted,
  read: async () => new Uint8Array(Float32Array.from(values).buffer),
})

const open = (values: number[] = [1, 2, 3, 4], trusted = false) =>
  storedTensors({ path }, stored(values, trusted))

const subject = { module: path, tensor: `${path}.scale`, file: 'model.safetensors' }

describe('a tensor of a stored weight', () => {
  test('that is as expected is what the file has', async () => {
    const tensors = open()
    expect(tensors.expect('scale', ['float16', 'float32'], [2, 2])).toMatchObject({ name: `${path}.scale` })
    expect([...(await tensors.finite('scale'))]).toEqual([1, 2, 3, 4])
    expect(tensors.component('scale', 'whole')).toEqual({
      ...{ key: 'scale', dtype: 'float32', shape: [2, 2], layout: 'whole' },
    })
  })

  test('that is missing is named with the files that do not have it', () => {
    expect(() => open().expect('zero', ['float32'], [2])).toThrow(
      expect.objectContaining({
        ...{ code: 'TENSOR_MISSING', module: path, tensor: `${path}.zero` },
        message: expect.stringContaining('(model.safetensors)'),
      }),
    )
  })

  test.each([
    [['float16'], [2, 2], 'expected float16 [2, 2]'],
    [['float32'], [2, 3], 'expected float32 [2, 3]'],
    [['float32'], [4], 'expected float32 [4]'],
  ] as const)('that is no %j %j is refused', (dtypes, shape, message) => {
    expect(() => open().expect('scale', dtypes, shape, 'Look there.')).toThrow(
      expect.objectContaining({
        ...{ ...subject, code: 'TENSOR_MISMATCH', found: 'float32 [2, 2]', hint: 'Look there.' },
        message: expect.stringContaining(message),
      }),
    )
  })

  test('that is not finite is refused with value and place, unless it was checked before', async () => {
    const broken = [1, 2, Number.NEGATIVE_INFINITY, Number.NaN]
    await expect(open(broken).finite('scale')).rejects.toMatchObject({
      ...{ ...subject, code: 'TENSOR_NOT_FINITE', found: Number.NEGATIVE_INFINITY },
      message: expect.stringContaining('-Infinity at element 2'),
    })
    expect(await open(broken, true).finite('scale')).toHaveLength(0)
  })

  test('may have another name than its module', () => {
    const tensors = storedTensors({ path }, stored([]), (key) => `experts_${key}`)
    expect(tensors.part('scale').name).toBe('experts_scale')
  })
})
