import { describe, expect, it } from 'vitest'
import { formatSafetensorsIndex, type LayoutOptions, layoutSafetensors, type TensorSpec } from '../index.js'

const bytes = (name: string, length: number): TensorSpec => ({ name, dtype: 'U8', shape: [length] })
const shardsOf = (tensors: readonly TensorSpec[], options: LayoutOptions) =>
  layoutSafetensors(tensors, options).files.map(({ fileName, tensors }) => [
    fileName,
    [...tensors.keys()].join(),
  ])

describe('shards', () => {
  it('are not made when one file holds everything', () => {
    const layout = layoutSafetensors([bytes('a', 6), bytes('b', 4)], { maxShardBytes: 10 })

    expect(layout.index).toBeUndefined()
    expect(layout.files.map((file) => file.fileName)).toEqual(['model.safetensors'])
  })

  it('fill up in model order until the next tensor would exceed the limit', () => {
    const tensors = [bytes('d', 6), bytes('c', 4), bytes('b', 1), bytes('a', 10)]
    expect(shardsOf(tensors, { maxShardBytes: 10, baseName: 'weights' })).toEqual([
      ['weights-00001-of-00003.safetensors', 'c,d'],
      ['weights-00002-of-00003.safetensors', 'b'],
      ['weights-00003-of-00003.safetensors', 'a'],
    ])
  })

  it('give a tensor above the limit its own file and go on with the shard in progress', () => {
    expect(shardsOf([bytes('a', 3), bytes('large', 11), bytes('b', 3)], { maxShardBytes: 10 })).toEqual([
      ['model-00001-of-00002.safetensors', 'large'],
      ['model-00002-of-00002.safetensors', 'a,b'],
    ])
  })

  it('have an index and repeat the metadata', () => {
    const { files, index } = layoutSafetensors([bytes('a', 3), bytes('__proto__', 2)], {
      maxShardBytes: 3,
      metadata: { format: 'pt' },
      totalParameters: 5,
    })

    expect(index!.fileName).toBe('model.safetensors.index.json')
    expect(formatSafetensorsIndex(index!.json)).toBe(`{
  "metadata": {
    "total_parameters": 5,
    "total_size": 5
  },
  "weight_map": {
    "__proto__": "model-00002-of-00002.safetensors",
    "a": "model-00001-of-00002.safetensors"
  }
}
`)
    for (const { header } of files)
      expect(Buffer.from(header).toString()).toContain('{"__metadata__":{"format":"pt"},')
  })
})

describe('what cannot be written is refused before any byte is', () => {
  const w = bytes('w', 1)
  it.each([
    ['a tensor twice', [w, w], {}, 'SAFETENSORS_DUPLICATE_KEY'],
    ['a tensor called __metadata__', [bytes('__metadata__', 1)], {}, 'SAFETENSORS_BAD_NAME'],
    ['half a surrogate pair', [bytes('\ud800', 1)], {}, 'SAFETENSORS_BAD_NAME'],
    ['an unknown dtype', [{ ...w, dtype: 'F33' as 'F32' }], {}, 'SAFETENSORS_UNKNOWN_DTYPE'],
    ['a negative size', [bytes('w', -1)], {}, 'SAFETENSORS_BAD_SHAPE'],
    ['half an element', [bytes('w', 0.5)], {}, 'SAFETENSORS_BAD_SHAPE'],
    ['half a byte', [{ ...w, dtype: 'F4' }], {}, 'SAFETENSORS_SIZE_MISMATCH'],
    ['a byte and a half', [{ ...w, dtype: 'F6_E3M2', shape: [2] }], {}, 'SAFETENSORS_SIZE_MISMATCH'],
    ['a tensor larger than any file', [bytes('w', 2 ** 53)], {}, 'SAFETENSORS_BAD_SHAPE'],
    [
      'a product larger than any file',
      [{ ...w, shape: [2 ** 30, 2 ** 30] }],
      {},
      'SAFETENSORS_SHAPE_OVERFLOW',
    ],
    [
      'a file larger than any',
      [bytes('v', 2 ** 53 - 1), w],
      { maxShardBytes: Infinity },
      'SAFETENSORS_SHAPE_OVERFLOW',
    ],
    [
      'metadata with a number',
      [w],
      { metadata: { step: 7 as unknown as string } },
      'SAFETENSORS_BAD_METADATA',
    ],
    ['metadata with half a pair', [w], { metadata: { text: '\udc00' } }, 'SAFETENSORS_BAD_METADATA'],
    ['a header above 100 MB', [w], { metadata: { text: 'x'.repeat(1e8) } }, 'SAFETENSORS_HEADER_TOO_LARGE'],
    ['a shard limit of 0', [w], { maxShardBytes: 0 }, 'SAFETENSORS_RANGE'],
    ['a base name with a folder', [w], { baseName: '../model' }, 'SAFETENSORS_BAD_NAME'],
  ] as const)('%s', (_, tensors, options: LayoutOptions, code) => {
    expect(() => layoutSafetensors(tensors, options)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining('model') }),
    )
  })
})
