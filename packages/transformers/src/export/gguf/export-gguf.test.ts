import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { workTag } from '@hfquant/core/runtime'
import { describe, expect, test } from 'vitest'
import { exportModel } from '../export-model.js'
import {
  copyModel,
  demoModel,
  golden,
  plainTokenizer,
  poke,
  temporaryFolder,
} from '../testing/folders.fixture.js'
import { readGguf, tensorDigest } from '../testing/read-gguf.fixture.js'

const root = await temporaryFolder()

const architecture = (name: string) =>
  copyModel(golden(`architectures/${name}`), join(root, name), { tokenizer: plainTokenizer(128) })

/** Types, names, shapes and bytes as llama.cpp's own converter and quantizer write them. */
describe.each([
  ['llama', '4cd3dddbdddd40a9', 'a0fcc7be0e1213f6', '1a094feae5727f14'],
  ['llama-bias', 'c628714330cb1b38', 'e65428c9923a9c37', '0ba0de4e602cd424'],
  ['llama-tied-rope3', 'aff567264890f5f1', 'ebfa99e341a7512d', '69bebba57a435a81'],
])('%s', (name, f16, q8, q4) => {
  test.each([
    ['F16', f16],
    ['Q8_0', q8],
    ['Q4_0', q4],
  ] as const)('%s has the tensors of llama.cpp', async (type, digest) => {
    const out = join(root, `${name}-${type}.gguf`)
    const { bytes } = await exportModel(await architecture(name), out, { format: 'gguf', type, pure: true })
    expect(tensorDigest(await readGguf(out))).toBe(digest)
    expect(bytes).toBe((await readFile(out)).byteLength)
  })
})

test('the output matrix of Q4_0 gets 8 bits', async () => {
  for (const [name, matrix] of [
    ['llama', 'output.weight'],
    ['llama-tied-rope3', 'token_embd.weight'],
  ] as const) {
    const out = join(root, 'mixed.gguf')
    await exportModel(await architecture(name), out, { format: 'gguf', type: 'Q4_0' })
    const { tensors, metadata } = await readGguf(out)
    expect(tensors.get(matrix)?.type).toBe(8)
    expect(tensors.get('blk.0.ffn_up.weight')?.type).toBe(2)
    expect(metadata.get('general.file_type')).toBe(2)
  }
})

test('sizes and constants', async () => {
  const out = join(root, 'sizes.gguf')
  await exportModel(await architecture('llama-tied-rope3'), out, { format: 'gguf', name: 'tiny' })
  const { metadata, tensors } = await readGguf(out)
  expect(Object.fromEntries([...metadata].filter(([key]) => !key.startsWith('tokenizer.')))).toEqual({
    'general.architecture': 'llama',
    'general.type': 'model',
    'general.name': 'tiny',
    'general.file_type': 1,
    'general.quantization_version': 2,
    'llama.block_count': 2,
    'llama.context_length': 256,
    'llama.embedding_length': 64,
    'llama.feed_forward_length': 128,
    'llama.attention.head_count': 4,
    'llama.attention.head_count_kv': expect.any(Number),
    'llama.attention.key_length': 32,
    'llama.attention.value_length': 32,
    'llama.attention.layer_norm_rms_epsilon': Math.fround(1e-5),
    'llama.rope.freq_base': expect.any(Number),
    'llama.rope.dimension_count': 32,
    'llama.vocab_size': 128,
  })
  const factors = new Float32Array(tensors.get('rope_freqs.weight')!.bytes.buffer)
  expect(factors[0]).toBe(1)
  expect(factors.at(-1)).toBe(8)
})

test('linear rope scaling', async () => {
  const out = join(root, 'linear.gguf')
  const config = { rope_parameters: { rope_theta: 10000, rope_type: 'linear', factor: 4 } }
  const folder = await copyModel(golden('architectures/llama'), join(root, 'linear'), {
    config,
    tokenizer: plainTokenizer(128),
  })
  await exportModel(folder, out, { format: 'gguf' })
  const { metadata } = await readGguf(out)
  expect(metadata.get('llama.rope.scaling.type')).toBe('linear')
  expect(metadata.get('llama.rope.scaling.factor')).toBe(4)
})

describe('what cannot be written is refused, and leaves nothing behind', () => {
  const refused = async (folder: string, options: object = {}) => {
    const before = await readdir(root)
    const failure = await exportModel(folder, join(root, 'never.gguf'), { format: 'gguf', ...options }).then(
      () => undefined,
      (error) => error,
    )
    expect(await readdir(root)).toEqual(before)
    return failure
  }

  test.each([
    ['an unknown type', { type: 'Q6_K' }, 'FIELD_VALUE'],
    ['an unknown format', { format: 'ggml' }, 'FIELD_VALUE'],
    ['an unknown pre-tokenizer', { preTokenizer: 'gpt-5' }, 'FIELD_VALUE'],
    ['a name that llama.cpp interprets', { name: 'My-Phi-3-mini' }, 'GGUF_NAME'],
  ])('%s', async (_, options, code) => {
    expect(await refused(demoModel, options)).toMatchObject({ code })
  })

  test('a family that llama.cpp does not know', async () => {
    expect(await refused(golden('architectures/opt'))).toMatchObject({
      ...{ code: 'EXPORT_ARCHITECTURE', field: 'architectures', found: 'OPTForCausalLM' },
      ...{ expected: expect.arrayContaining(['LlamaForCausalLM']), hint: expect.stringContaining('Save it') },
    })
  })

  test('an infinity, which no block can hold', async () => {
    const folder = await copyModel(demoModel, join(root, 'infinite'))
    const name = 'model.layers.1.mlp.up_proj.weight'
    await poke(folder, name, 0x7f80)
    for (const type of ['F16', 'Q8_0', 'Q4_0']) {
      expect(await refused(folder, { type })).toMatchObject({ code: 'TENSOR_NOT_FINITE', tensor: name })
    }
  })

  test('an abort', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    expect(await refused(demoModel, { signal })).toMatchObject({ message: 'enough' })
    const stop = new AbortController()
    const onProgress = ({ stage }: { stage: string }) => stage === 'export' && stop.abort(new Error('later'))
    expect(await refused(demoModel, { signal: stop.signal, onProgress })).toMatchObject({ message: 'later' })
  })

  test('a folder in the place of the file', async () => {
    const failure = await exportModel(demoModel, root, { format: 'gguf' }).catch((error) => error)
    expect(failure).toMatchObject({ code: 'OUTPUT_UNSUITABLE', file: root })
  })
})

test('values beyond float16 are kept in float32, with a warning', async () => {
  const folder = await copyModel(demoModel, join(root, 'large'))
  const path = join(folder, 'model.safetensors')
  const file = await readFile(path)
  const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString())
  const at = 8 + Number(file.readBigUInt64LE()) + header['model.layers.1.mlp.up_proj.weight'].data_offsets[0]
  file.writeUInt16LE(0x4780, at) // 65536 in bfloat16
  await writeFile(path, file)
  const out = join(root, 'large.gguf')
  const { warnings } = await exportModel(folder, out, { format: 'gguf' })
  expect(warnings).toEqual([expect.stringContaining('blk.1.ffn_up.weight holds values beyond float16')])
  const { tensors } = await readGguf(out)
  expect(tensors.get('blk.1.ffn_up.weight')?.type).toBe(0)
  expect(tensors.get('blk.0.ffn_up.weight')?.type).toBe(1)
})

test('an older file is replaced, and what a killed export left is removed', async () => {
  const out = join(root, 'replaced', 'model.gguf')
  await exportModel(demoModel, out, { format: 'gguf', type: 'Q4_0' })
  await writeFile(
    join(root, 'replaced', `.model.gguf.hfquant-new-${workTag().replace(/^\d+/, '999999999')}`),
    'half',
  )
  await exportModel(demoModel, out, { format: 'gguf', type: 'Q8_0' })
  expect(await readdir(join(root, 'replaced'))).toEqual(['model.gguf'])
  expect((await readGguf(out)).metadata.get('general.file_type')).toBe(7)
})
