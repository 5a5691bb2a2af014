import { describe, expect, test } from 'vitest'
import { below, float32, floats, type RawTensor, readGolden, text } from './testing/golden.fixture.js'
import {
  editFloats,
  editState,
  load,
  nested,
  plain,
  STATE,
  stateText,
} from './testing/stored-parts.fixture.js'

describe('what is tolerated', () => {
  test('a shape of null, and a key that is not known, with a warning', async () => {
    const expected = await load(nested(), 64, 64)
    const tensors = nested()
    editState('[64, 64]', 'null')(tensors)
    editState('{', '{"later": 1, ')(tensors)
    const { dequantized, warnings } = await load(tensors, 64, 64)
    expect(dequantized).toEqual(expected.dequantized)
    expect(warnings).toEqual([expect.stringContaining('"later"')])
  })

  test('-1 at the beginning of the nested table: the stored table counts', async () => {
    const tensors = nested()
    editFloats('weight.nested_quant_map', (map) => map.fill(-1, 0, 1))(tensors)
    tensors.set('weight.absmax', { dtype: 'U8', shape: [64], bytes: new Uint8Array(64) })
    const { dequantized } = await load(tensors, 64, 64)
    const [offset] = /[\d.]+(?=}$)/.exec(stateText(tensors))!.map(Number)
    const scale = Math.fround(-floats(tensors.get('weight.nested_absmax')!.bytes)[0]! + Math.fround(offset!))
    const nibble = tensors.get('weight')!.bytes[0]! >> 4
    expect(dequantized[0]).toBe(Math.fround(floats(tensors.get('weight.quant_map')!.bytes)[nibble]! * scale))
  })

  test.each(['F16', 'BF16'])('scales in %s', async (dtype) => {
    const tensors = plain()
    // 2 is 0x4000 in both.
    tensors.set('weight.absmax', {
      dtype,
      shape: [24],
      bytes: new Uint8Array(new Uint16Array(24).fill(0x4000).buffer),
    })
    const expected = plain()
    expected.set('weight.absmax', float32(new Float32Array(24).fill(2)))
    expect((await load(tensors, 16, 96)).dequantized).toEqual((await load(expected, 16, 96)).dequantized)
  })

  test('scales in bfloat16 that a faulty release transposed, with a warning', async () => {
    const scales = Float32Array.from({ length: 64 * 2 }, (_, block) => block + 1) // [64 rows, 2 blocks]
    const high = (value: number) => new Uint16Array(Float32Array.of(value).buffer)[1]!
    const turned = Uint16Array.from({ length: 128 }, (_, i) =>
      high(scales[(i % 64) * 2 + Math.floor(i / 64)]!),
    )
    const state = text('{"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [64, 128]}')
    const packed = { dtype: 'U8', shape: [4096, 1], bytes: new Uint8Array(4096).fill(0xff) }
    const tensors = new Map([
      ['weight', packed],
      ['weight.absmax', { dtype: 'BF16', shape: [2, 64], bytes: new Uint8Array(turned.buffer) }],
      ['weight.quant_map', plain().get('weight.quant_map')!],
      [STATE, state],
    ])
    const { dequantized, warnings } = await load(tensors, 64, 128)
    expect(dequantized).toEqual(
      Float32Array.from({ length: 64 * 128 }, (_, i) => scales[Math.floor(i / 64)]!),
    )
    expect(warnings).toEqual([expect.stringContaining('model.fc.weight.absmax')])
  })

  test.each(['packed_bf16', 'packed_f16', 'packed_f32'])('the storage dtype of %s', async (stored) => {
    const { packed_u8, absmax, ...others } = Object.fromEntries(
      below(readGolden('quant4_dtypes'), 'storage.nf4.bs64.'),
    )
    const tensors = (weight: RawTensor) =>
      new Map([
        ['weight', weight],
        ['weight.absmax', absmax!],
        ['weight.quant_map', plain().get('weight.quant_map')!],
        [STATE, text('{"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [32, 128]}')],
      ])
    const bytes = await load(tensors(packed_u8!), 32, 128)
    const words = await load(tensors(others[stored]!), 32, 128)
    expect(words.parts.get('weight')!.bytes).toEqual(packed_u8!.bytes)
    expect(words.dequantized).toEqual(bytes.dequantized)
  })

  test('bytes that fill the last word of the storage dtype', async () => {
    const tensors = new Map([
      [
        'weight',
        { dtype: 'F32', shape: [2, 1], bytes: Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0x12, 0x34, 0x56) },
      ],
      ['weight.absmax', float32([3])],
      ['weight.quant_map', plain().get('weight.quant_map')!],
      [STATE, text('{"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [3, 3]}')],
    ])
    expect((await load(tensors, 3, 3)).dequantized).toEqual(new Float32Array(9).fill(3))
  })
})
