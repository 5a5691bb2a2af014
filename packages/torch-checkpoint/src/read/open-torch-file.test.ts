import { readSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  create,
  dict,
  FALSE,
  global,
  integer,
  list,
  orderedDict,
  pickle,
  quantized,
  reduce,
  tensor,
  text,
  tuple,
} from '../../attacks/build-pickle.js'
import { buildZip, fourFloats } from '../../attacks/build-zip.js'
import { expectedTensors } from '../../attacks/expected-tensors.js'
import { buildLegacy } from '../../attacks/hostile-legacy-files.js'
import { withFile } from '../../attacks/temporary-file.js'
import { openTorchFile } from '../index.js'
import { collect, tensorOf, withCheckpoint } from './torch-file.fixture.js'

const plain = fileURLToPath(new URL('../../../../goldens/torchao/bin/plain/', import.meta.url))

/** Torch and safetensors have different names for the same types. */
const dtypeNames: Readonly<Record<string, string>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
}

describe('openTorchFile', () => {
  it.each(['pytorch_model.bin', 'pytorch_model_modern.bin', 'pytorch_model_legacy.bin'])(
    'reads what torch wrote: %s',
    async (name) => {
      const expected = await expectedTensors(join(plain, 'expected.safetensors'))
      await using file = await openTorchFile(join(plain, name))

      expect([...file.entries.keys()].sort()).toEqual([...expected.keys()].sort())
      for (const [key, { dtype, shape, bytes }] of expected) {
        const found = tensorOf(file, key)
        expect([key, dtypeNames[found.dtype], found.shape]).toEqual([key, dtype, shape])
        expect(await file.read(found)).toEqual(bytes)
        expect((await collect(file.stream(found, { chunkBytes: 5 }))).flat()).toEqual([...bytes])
        expect(found.byteLength).toBe(bytes.byteLength)
      }
    },
  )

  it('keeps order, strides and shared storages as they are', async () => {
    await using file = await openTorchFile(join(plain, 'pytorch_model.bin'))
    const [embed, head, slice, transposed] = [
      'embed.weight',
      'lm_head.weight',
      'slice.weight',
      'transposed.weight',
    ].map((name) => tensorOf(file, name))

    expect([...file.entries.keys()].slice(0, 3)).toEqual(['embed.weight', 'lm_head.weight', 'slice.weight'])
    expect(head).toEqual({ ...embed, name: 'lm_head.weight' })
    expect(slice).toMatchObject({ storageKey: embed!.storageKey, stride: [6, 1], isContiguous: false })
    expect(slice!.byteOffset - embed!.byteOffset).toBe(8 * 2)
    expect(transposed).toMatchObject({ shape: [5, 3], stride: [1, 5], isContiguous: false })
  })

  it('offers a descriptor for reads by position of contiguous tensors', () =>
    withCheckpoint(dict(text('w'), tensor({ shape: [2], offset: integer(2) })), async (file) => {
      const found = tensorOf(file, 'w')
      const bytes = new Uint8Array(found.byteLength)
      readSync(file.fd, bytes, 0, bytes.byteLength, found.byteOffset)
      expect([...new Float32Array(bytes.buffer)]).toEqual([3, 4])
    }))

  it.each([
    ['zip64 records', { zip64: {} }, true],
    ['a comment', { comment: 'made elsewhere PK' }, false],
  ] as const)('reads an archive with %s', (_, end, zip64) =>
    withFile(
      buildZip(
        [
          { name: 'any name/data.pkl', data: pickle(dict(text('w'), tensor())), zip64 },
          { name: 'any name/data/0', data: fourFloats, zip64 },
        ],
        end,
      ),
      async (path) => {
        await using file = await openTorchFile(path)
        expect(await file.read(tensorOf(file, 'w'))).toEqual(fourFloats)
      },
    ),
  )

  it('reads newer dtypes from storages that count bytes', () => {
    const untyped = [
      ...tuple(
        text('storage'),
        global('torch.storage', 'UntypedStorage'),
        text('0'),
        text('cuda:0'),
        integer(16),
      ),
      0x51,
    ]
    const value = reduce(
      global('torch._utils', '_rebuild_tensor_v3'),
      untyped,
      integer(2),
      tuple(integer(3), integer(2)),
      tuple(integer(2), integer(1)),
      FALSE,
      orderedDict,
      global('torch', 'float8_e4m3fn'),
    )
    return withCheckpoint(dict(text('w'), value), async (file) => {
      const found = tensorOf(file, 'w')
      expect(found).toMatchObject({ dtype: 'float8_e4m3fn', shape: [3, 2], byteLength: 6 })
      expect(await file.read(found)).toEqual(fourFloats.slice(2, 8))
    })
  })

  it('unwraps parameters and drops attributes without data', () => {
    const parameter = reduce(global('torch._utils', '_rebuild_parameter'), tensor(), FALSE, orderedDict)
    const attributed = [...tensor(), ...dict(text('_is_param'), FALSE), 0x62]
    return withCheckpoint(dict(text('p'), parameter, text('a'), attributed), async (file) => {
      expect(tensorOf(file, 'p').dtype).toBe('float32')
      expect(tensorOf(file, 'a').shape).toEqual([4])
    })
  })

  it('finds the state dict below the key of a training loop, with plain values beside it', () =>
    withCheckpoint(
      dict(
        text('model_state_dict'),
        dict(text('w'), tensor()),
        text('epoch'),
        integer(3),
        text('note'),
        text('x'),
      ),
      async (file) => {
        expect([...file.entries.keys()]).toEqual(['w'])
        expect([...file.scalars]).toEqual([
          ['epoch', 3],
          ['note', 'x'],
        ])
      },
    ))

  it('takes __proto__ for a name like any other', () =>
    withCheckpoint(dict(text('__proto__'), tensor()), async (file) => {
      expect([...file.entries.keys()]).toEqual(['__proto__'])
      expect('dtype' in {}).toBe(false)
    }))

  it('reads a pre-zip file', () =>
    withFile(
      buildLegacy({ value: dict(text('w'), tensor({ shape: [3], offset: integer(1) })) }),
      async (path) => {
        await using file = await openTorchFile(path)
        expect(await file.read(tensorOf(file, 'w'))).toEqual(fourFloats.slice(4))
      },
    ))

  it('drops plain values that a newer class adds, and keeps the rest in order', () => {
    const state = dict(
      text('scale'),
      tensor(),
      text('_is_param'),
      FALSE,
      text('block_size'),
      list(integer(1), integer(32)),
      text('act_quant_kwargs'),
      create(global('torchao.quantization.granularity', 'PerTensor')),
    )
    return withCheckpoint(dict(text('w'), quantized(state)), async (file) => {
      const entry = file.entries.get('w')
      expect(entry).toMatchObject({
        kind: 'object',
        className: 'torchao.quantization.Int8Tensor',
        presents: { dtype: 'bfloat16', shape: [2, 2] },
      })
      if (entry?.kind !== 'object') throw new Error('unreachable')
      expect([...entry.fields.keys()]).toEqual(['scale', 'block_size', 'act_quant_kwargs'])
      expect(entry.fields.get('scale')).toMatchObject({ kind: 'tensor', name: 'w.scale' })
      expect(entry.fields.get('block_size')).toEqual([1, 32])
      expect(entry.fields.get('act_quant_kwargs')).toMatchObject({ kind: 'object', fields: new Map() })
    })
  })

  it('reads a named tuple from its arguments', () => {
    const config = create(global('torchao.float8.inference', 'Float8MMConfig'), tuple(FALSE, [0x88], FALSE))
    const state = dict(text('qdata'), tensor(), text('mm_config'), config)
    return withCheckpoint(dict(text('w'), quantized(state, 'Float8Tensor')), async (file) => {
      const entry = file.entries.get('w')
      if (entry?.kind !== 'object') throw new Error('unreachable')
      expect(entry.fields.get('mm_config')).toMatchObject({
        fields: new Map([
          ['emulate', false],
          ['use_fast_accum', true],
          ['pad_inner_dim', false],
        ]),
      })
    })
  })
})
