import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { expectedTensors } from '../../attacks/expected-tensors.js'
import { openTorchCheckpoint, openTorchFile, type TorchObject, type TorchValue } from '../index.js'

const goldens = fileURLToPath(new URL('../../../../goldens/torchao/', import.meta.url))
const bin = (name: string): string => join(goldens, 'bin', `${name}.bin`)

const fieldOf = (value: TorchValue | undefined, ...path: readonly string[]): TorchValue | undefined =>
  path.reduce<TorchValue | undefined>((inner, field) => (inner as TorchObject).fields.get(field), value)
const bytesOf = (value: TorchValue | undefined): Promise<Uint8Array> => {
  const tensor = value as Extract<TorchValue, { kind: 'tensor' }>
  return tensor.file.read(tensor)
}

describe('a quantized linear that torchao saved', () => {
  it.each([
    ['int8_tensor_weight_only', ['qdata'], 'int8_weight_only', 'bf16.per_row'],
    ['int8_tensor_dynamic_enum_by_value', ['qdata'], 'int8_dynamic_activation_int8_weight', 'bf16.sym'],
    ['int8_tensor_dynamic_enum_by_name', ['qdata'], 'int8_dynamic_activation_int8_weight', 'bf16.sym'],
    ['affine_v1_int8_weight_only', ['tensor_impl', 'int_data'], 'int8_weight_only', 'bf16.affine_v1'],
    [
      'affine_v1_int8_dynamic',
      ['original_weight_tensor', 'tensor_impl', 'int_data'],
      'int8_dynamic_activation_int8_weight',
      'bf16.v1_sym',
    ],
  ])('%s has the codes of the vectors', async (name, path, vectors, prefix) => {
    const expected = await expectedTensors(join(goldens, `${vectors}.safetensors`))
    const codes = expected.get(`${prefix}.qdata`) ?? expected.get(`${prefix}.w_qdata`)
    await using file = await openTorchFile(bin(name))

    const weight = file.entries.get('fc.weight')
    expect(weight).toMatchObject({ kind: 'object', presents: { dtype: 'bfloat16', shape: [8, 64] } })
    expect(fieldOf(weight, ...path)).toMatchObject({
      dtype: 'int8',
      shape: [8, 64],
      name: ['fc.weight', ...path].join('.'),
    })
    expect(await bytesOf(fieldOf(weight, ...path))).toEqual(codes!.bytes)
    expect(file.entries.get('fc.bias')).toMatchObject({ kind: 'tensor', dtype: 'bfloat16', shape: [8] })
  })

  it('has the fields of the weight-only class in order', async () => {
    await using file = await openTorchFile(bin('int8_tensor_weight_only'))
    const weight = file.entries.get('fc.weight') as TorchObject

    expect(weight.className).toBe('torchao.quantization.Int8Tensor')
    expect(
      [...weight.fields].map(([field, value]) => [field, (value as { kind?: string } | null)?.kind ?? value]),
    ).toEqual([
      ['qdata', 'tensor'],
      ['scale', 'tensor'],
      ['block_size', [1, 64]],
      ['zero_point', 'tensor'],
      ['act_quant_kwargs', null],
      ['act_quant_scale', null],
      ['act_quant_zero_point', null],
      ['act_pre_scale', null],
      ['reduce_range', false],
    ])
  })

  it.each(['by_value', 'by_name'])('spells its enum member %s', async (spelling) => {
    await using file = await openTorchFile(bin(`int8_tensor_dynamic_enum_${spelling}`))
    const kwargs = fieldOf(file.entries.get('fc.weight'), 'act_quant_kwargs')

    expect(kwargs).toMatchObject({
      className: 'torchao.quantization.quantize_.workflows.int8.int8_tensor.QuantizeTensorToInt8Kwargs',
      presents: undefined,
    })
    expect(fieldOf(kwargs, 'mapping_type')).toEqual({
      kind: 'enum',
      className: 'torchao.quantization.quant_primitives.MappingType',
      member: 'SYMMETRIC',
      value: 1,
    })
    expect(fieldOf(kwargs, 'granularity', 'dim')).toBe(-1)
    expect(fieldOf(kwargs, 'reduce_range')).toBe(false)
  })

  it('names the functions of version 1 without calling them', async () => {
    await using file = await openTorchFile(bin('affine_v1_int8_dynamic'))
    const weight = file.entries.get('fc.weight')

    expect(fieldOf(weight, 'input_quant_func')).toEqual({
      kind: 'function',
      name: 'torchao.quantization.quant_api._int8_symm_per_token_reduced_range_quant',
    })
    expect(fieldOf(weight, 'quant_kwargs')).toEqual(new Map())
    expect(fieldOf(weight, 'original_weight_tensor', 'zero_point_domain')).toMatchObject({ member: 'NONE' })
  })
})

describe('a file that is not to be read', () => {
  it.each([
    ['malicious_os_system', 'os.system', /not a tensor checkpoint/],
    ['malicious_posix_system', 'posix.system', /not a tensor checkpoint/],
    ['malicious_nested_in_state', 'subprocess.getoutput', /not a tensor checkpoint/],
    ['malicious_stack_global', 'os.system', /not a tensor checkpoint/],
    ['malicious_getattr', 'torch._tensor.Tensor', /as object of __builtin__\.getattr/],
    ['unknown_class', 'example_pkg.layers.MysteryTensor', /unknown class/],
    ['unknown_torchao_class', 'torchao.quantization.FutureTensor', /unknown class/],
  ])('%s is refused, naming %s', async (name, refused, wording) => {
    await expect(openTorchFile(bin(name))).rejects.toMatchObject({
      code: 'PICKLE_CLASS_REFUSED',
      refused,
      file: bin(name),
      message: expect.stringMatching(wording),
    })
    await expect(openTorchFile(bin(name))).rejects.toThrow(refused)
    await expect(openTorchFile(bin(name))).rejects.toThrow('nothing was executed')
  })

  it('says how to get a quantized model of an unknown class back', async () => {
    await expect(openTorchFile(bin('unknown_torchao_class'))).rejects.toMatchObject({
      hint: expect.stringMatching(/quantization_config.*cheaper.*finalize.*--quantize/),
    })
  })
})

describe('openTorchCheckpoint', () => {
  const folder = join(goldens, 'tiny-llama/int8-dynamic-act-int4-weight-bin')

  it('opens the shards of an index', async () => {
    await using checkpoint = await openTorchCheckpoint(join(folder, 'pytorch_model.bin.index.json'))

    expect(checkpoint.folder).toBe(join(folder))
    expect(checkpoint.files).toHaveLength(1)
    expect(checkpoint.entries.size).toBe(21)
    expect(checkpoint.indexMetadata).toEqual({ total_size: 180864 })
    const head = checkpoint.entries.get('lm_head.weight')
    expect(head).toMatchObject({
      className: 'torchao.quantization.IntxUnpackedToInt8Tensor',
      presents: { dtype: 'bfloat16', shape: [128, 64] },
    })
    expect(fieldOf(head, 'target_dtype')).toEqual({ kind: 'dtype', name: 'int4' })
    expect(fieldOf(head, 'block_size')).toEqual([1, 32])
    expect(fieldOf(head, 'activation_quantization')).toBe('int8_asym_per_token')
    const codes = new Int8Array((await bytesOf(fieldOf(head, 'qdata'))).buffer)
    expect([Math.min(...codes), Math.max(...codes)]).toEqual([-8, 7])
  })

  it('opens a single file in the same shape, and closes it', async () => {
    const checkpoint = await openTorchCheckpoint(bin('int8_tensor_weight_only'))

    expect([...checkpoint.entries.keys()]).toEqual(['fc.weight', 'fc.bias'])
    expect(checkpoint.indexMetadata).toEqual({})
    await checkpoint.close()
    await expect(bytesOf(checkpoint.entries.get('fc.bias'))).rejects.toMatchObject({ code: 'FILE_CLOSED' })
  })
})
