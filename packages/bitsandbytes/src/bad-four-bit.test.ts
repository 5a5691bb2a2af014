import { describe, expect, test } from 'vitest'
import { float32, text } from './testing/golden.fixture.js'
import {
  type Change,
  editFloats,
  editState,
  failure,
  load,
  nested,
  plain,
  remove,
  STATE,
  set,
} from './testing/stored-parts.fixture.js'

/** Every row: what is wrong, how it gets so, the error's code, the tensor it names. */
const badFourBit: readonly (readonly [string, Change, string, string])[] = [
  ['JSON cut short', editState(/}$/, ''), 'QUANT_STATE_INVALID', STATE],
  ['JSON that is a list', set(STATE, text('[]')), 'QUANT_STATE_INVALID', STATE],
  [
    'JSON that is no UTF-8',
    set(STATE, { dtype: 'U8', shape: [1], bytes: Uint8Array.of(0xff) }),
    'QUANT_STATE_INVALID',
    STATE,
  ],
  ['an unknown quant type', editState('"nf4"', '"nf5"'), 'QUANT_STATE_INVALID', STATE],
  [
    'a block size that is not offered',
    editState('"blocksize": 64', '"blocksize": 48'),
    'QUANT_STATE_INVALID',
    STATE,
  ],
  ['a block size as a text', editState('"blocksize": 64', '"blocksize": "64"'), 'QUANT_STATE_INVALID', STATE],
  ['an unknown dtype', editState('"float32"', '"float8"'), 'QUANT_STATE_INVALID', STATE],
  ['a shape of three sizes', editState('[64, 64]', '[64, 64, 1]'), 'QUANT_STATE_INVALID', STATE],
  ['a nested block size other than 256', editState('256', '128'), 'QUANT_STATE_INVALID', STATE],
  [
    'a nested dtype other than float32',
    editState('"nested_dtype": "float32"', '"nested_dtype": "float16"'),
    'QUANT_STATE_INVALID',
    STATE,
  ],
  [
    'an offset that is not finite',
    editState(/"nested_offset": [\d.]+/, '"nested_offset": NaN'),
    'QUANT_STATE_INVALID',
    STATE,
  ],
  ['an offset that is absent', editState(/, "nested_offset": [\d.]+/, ''), 'QUANT_STATE_INVALID', STATE],
  ['the shape of another weight', editState('[64, 64]', '[32, 128]'), 'QUANT_STATE_MISMATCH', STATE],
  ['the type of another key', editState('"nf4"', '"fp4"'), 'QUANT_STATE_MISMATCH', STATE],
  [
    'two states',
    set('weight.quant_state.bitsandbytes__fp4', text('{}')),
    'QUANT_STATE_MISMATCH',
    'weight.quant_state',
  ],
  [
    'nested tensors that the state does not know',
    editState(/, "nested_blocksize.*/, '}'),
    'QUANT_STATE_MISMATCH',
    STATE,
  ],
  [
    'another block size than the scales have',
    editState('"blocksize": 64', '"blocksize": 128'),
    'TENSOR_MISMATCH',
    'weight.absmax',
  ],
  [
    'packed bytes of another size',
    set('weight', { dtype: 'U8', shape: [2047, 1], bytes: new Uint8Array(2047) }),
    'TENSOR_MISMATCH',
    'weight',
  ],
  [
    'packed bytes in a row',
    set('weight', { dtype: 'U8', shape: [1, 2048], bytes: new Uint8Array(2048) }),
    'TENSOR_MISMATCH',
    'weight',
  ],
  [
    'packed bytes as int32',
    set('weight', { dtype: 'I32', shape: [512, 1], bytes: new Uint8Array(2048) }),
    'TENSOR_MISMATCH',
    'weight',
  ],
  [
    'scales that are not nested after all',
    set('weight.absmax', float32(new Float32Array(64))),
    'TENSOR_MISMATCH',
    'weight.absmax',
  ],
  ['a state that is no vector of bytes', set(STATE, float32([1])), 'TENSOR_MISMATCH', STATE],
  [
    'another code table',
    editFloats('weight.quant_map', (map) => map.fill(0.5, 3, 4)),
    'TENSOR_MISMATCH',
    'weight.quant_map',
  ],
  [
    'a NaN in the nested scales',
    editFloats('weight.nested_absmax', (x) => x.fill(Number.NaN)),
    'TENSOR_NOT_FINITE',
    'weight.nested_absmax',
  ],
  [
    'an infinity in the nested table',
    editFloats('weight.nested_quant_map', (x) => x.fill(Infinity, 9, 10)),
    'TENSOR_NOT_FINITE',
    'weight.nested_quant_map',
  ],
  ...[
    'weight',
    'weight.absmax',
    'weight.quant_map',
    'weight.nested_absmax',
    'weight.nested_quant_map',
    STATE,
  ].map((key) => [`no ${key}`, remove(key), 'TENSOR_MISSING', key] as const),
]

describe('a four-bit weight', () => {
  test.each(badFourBit)('with %s is refused', async (_what, change, code, tensor) => {
    const tensors = nested()
    change(tensors)
    const error = await failure(load(tensors, 64, 64))
    expect(error.code).toBe(code)
    expect(error.tensor).toContain(`model.fc.${tensor}`)
    expect(error.message).toContain(`model.fc.${tensor}`)
    expect(error.hint).toBeDefined()
  })

  test('with a missing part names the files that were read', async () => {
    const tensors = nested()
    tensors.delete('weight.nested_absmax')
    expect((await failure(load(tensors, 64, 64))).message).toContain('model.safetensors')
  })

  test.each([Number.NaN, Infinity])('with a plain scale of %s is refused', async (wrong) => {
    const tensors = plain()
    editFloats('weight.absmax', (scales) => scales.fill(wrong, 7, 8))(tensors)
    expect(await failure(load(tensors, 16, 96))).toMatchObject({
      code: 'TENSOR_NOT_FINITE',
      tensor: 'model.fc.weight.absmax',
    })
  })
})
