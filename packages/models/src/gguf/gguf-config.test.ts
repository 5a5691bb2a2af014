import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type JsonObject, walkModules } from '@hfquant/core/runtime'
import { dequantizeBlocks, openGgufCheckpoint } from '@hfquant/gguf'
import { describe, expect, test } from 'vitest'
import { describeModel, knownArchitectures } from '../architecture/registry.js'
import { ggufConfig } from './gguf-config.js'
import type { GgufValue } from './gguf-model.js'
import { ggufParameters } from './gguf-parameters.js'
import type { GgufSource } from './gguf-reader.js'

const golden = (path: string) => fileURLToPath(new URL(`../../../../goldens/${path}`, import.meta.url))
const jsonOf = (path: string) => JSON.parse(readFileSync(golden(path), 'utf8'))
const nowhere = async () => ({ refused: undefined })
const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1)

/** What a config.json says of the model; other fields are of the tokenizer or of training. */
const FIELDS = [
  ...['model_type', 'hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads'],
  ...['num_key_value_heads', 'head_dim', 'max_position_embeddings', 'rms_norm_eps', 'vocab_size'],
  ...['tie_word_embeddings', 'rope_parameters', 'sliding_window', 'layer_types', 'hidden_act'],
  ...['hidden_activation', 'attention_bias', 'mlp_bias', 'attn_logit_softcapping', 'query_pre_attn_scalar'],
  ...['final_logit_softcapping', 'num_experts', 'num_experts_per_tok', 'moe_intermediate_size'],
  ...['norm_topk_prob', 'decoder_sparse_step', 'use_sliding_window', 'mlp_only_layers'],
]

describe.each([
  ['tiny-gemma3-q4_0', 'model.gguf'],
  ['tiny-gpt-oss-mxfp4', 'model.gguf'],
  ['tiny-llama-f16-spm', 'model.gguf'],
  ['tiny-llama-q4_k_m', 'model-Q4_K_M.gguf'],
  ['tiny-qwen2-mixed', 'model.gguf'],
  ['tiny-qwen3-q8_0', 'model.gguf'],
  ['tiny-qwen3moe-q4_1', 'model.gguf'],
])('%s', (folder, name) => {
  const read = async () => {
    await using checkpoint = await openGgufCheckpoint(golden(`gguf/${folder}/${name}`))
    const factors = checkpoint.tensors.get('rope_freqs.weight')
    const bytes = await factors?.file.read('rope_freqs.weight')
    const config = ggufConfig(checkpoint, name, bytes && dequantizeBlocks('F32', bytes))
    return { config, tensors: checkpoint.tensors }
  }

  test('has the config.json that the file was made with', async () => {
    const { num_local_experts: experts, ...expected } = jsonOf(`gguf/${folder}/expected_config.json`)
    const { config } = await read()
    const found: Record<string, unknown> = { num_local_experts: config.num_experts, ...config }

    expect(found.num_local_experts).toBe(experts)
    for (const field of FIELDS.filter((each) => each in expected)) {
      expect([field, config[field]]).toEqual([field, expected[field]])
    }
  })

  test('has a tensor for every parameter, and a parameter for every tensor', async () => {
    const { config, tensors } = await read()
    const model = await describeModel(config, nowhere)
    const shell = model.build('float32')
    const parameters = ggufParameters(shell, model.gguf!())
    const modules = new Map(walkModules(shell.root))

    // A tied matrix is not in the file, factors of the rope are not in the model.
    const named = new Set(parameters.keys())
    if (config.tie_word_embeddings === true) named.delete('output.weight')
    expect([...named].sort()).toEqual(
      [...tensors.keys()].filter((each) => each !== 'rope_freqs.weight').sort(),
    )
    for (const tensor of named) {
      const held = parameters.get(tensor)!.map(({ path, key, place: { rows } }) => {
        const { shape } = modules.get(path)!.parameters.get(key)!
        const all = rows?.sizes.reduce((sum, size) => sum + size, 0) ?? 1
        return (product(shape) * (rows?.part === undefined ? 1 : rows.sizes[rows.part]!)) / (rows ? all : 1)
      })
      const { shape } = tensors.get(tensor)!.tensor
      expect([tensor, held.reduce((sum, size) => sum + size, 0)]).toEqual([tensor, product(shape)])
    }
  })
})

interface Stored {
  readonly type: string
  readonly value?: unknown
  readonly values?: unknown
}

/** The metadata that would be written for a model, as they would be read. */
async function written(
  json: JsonObject,
): Promise<{ source: GgufSource; divisors: Float32Array | undefined }> {
  const model = await describeModel(json, nowhere)
  const { architecture, metadata, outputMatrix, tables, places } = model.gguf!()
  const shell = model.build('float32')
  const names = [...ggufParameters(shell, { places }).keys()].filter(
    (name) => name !== 'output.weight' || outputMatrix === name,
  )
  const tensors = names.map((name) => [name, { tensor: { shape: [model.facts.vocabSize] } }] as const)
  return {
    source: {
      metadata: new Map<string, Stored>([
        ['general.architecture', { type: 'string', value: architecture }],
        ...[...metadata].map(([key, value]) => [key, storedAs(value)] as const),
      ]),
      tensors: new Map(tensors),
    },
    divisors: tables.find(({ name }) => name === 'rope_freqs.weight')?.values,
  }
}

function storedAs(value: GgufValue): Stored {
  if ('bools' in value) return { type: 'array', values: Uint8Array.from(value.bools, Number) }
  if ('f32' in value) return { type: 'f32', value: Math.fround(value.f32) }
  const [type = '', stored] = Object.entries(value)[0] ?? []
  return { type, value: stored }
}

const LLAMA_3 = {
  ...{ rope_type: 'llama3', rope_theta: 500000, factor: 32, low_freq_factor: 1, high_freq_factor: 4 },
  original_max_position_embeddings: 8192,
}

test.each([
  ['llama', {}],
  ['llama', { head_dim: 64, max_position_embeddings: 131072, rope_parameters: LLAMA_3 }],
  ['llama', { attention_bias: true, rope_parameters: { rope_type: 'linear', rope_theta: 1e5, factor: 2.5 } }],
  ['qwen2', {}],
  ['qwen3', {}],
  ['qwen3_moe', { norm_topk_prob: true }],
  ['llama-rope-yarn', {}],
  ['llama-tied-rope3', {}],
  ['gemma2-caps', { query_pre_attn_scalar: 16 }],
  ['gemma3_text-pattern', { query_pre_attn_scalar: 8 }],
  ['gpt_oss', {}],
])('%s: what is written is read again, with %j', async (name, change) => {
  const json = { ...jsonOf(`architectures/${name}/config.json`), ...change }
  const { source, divisors } = await written(json)

  const again = await written(ggufConfig(source, 'model.gguf', divisors))

  expect(again).toEqual({ source, divisors })
})

test('no two families read the files of one architecture', () => {
  const names = knownArchitectures().flatMap(({ ggufInput }) => ggufInput?.architecture ?? [])
  expect(names.sort()).toEqual(['gemma2', 'gemma3', 'gpt-oss', 'llama', 'qwen2', 'qwen3', 'qwen3moe'])
})

type Changes = Readonly<Record<string, Stored | undefined>>

/** The metadata of a model with some keys in another way, or without them. */
async function changed(golden: string, json: object, changes: Changes): Promise<GgufSource> {
  const { source } = await written({ ...jsonOf(`architectures/${golden}/config.json`), ...json })
  const metadata = new Map(source.metadata)
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) metadata.delete(key)
    else metadata.set(key, value)
  }
  return { ...source, metadata }
}

const text = (value: string) => ({ type: 'string', value })
const count = (value: number) => ({ type: 'u32', value })

const WINDOW = 'gemma3.attention.sliding_window'
test.each([
  ['a list of them', {}, 8, 'ssfssf'],
  ['a period', { [`${WINDOW}_pattern`]: count(2) }, 8, 'sfsfsf'],
  ['nothing, by the period of the family', { [`${WINDOW}_pattern`]: undefined }, 8, 'sssssf'],
  ['a window of 0 tokens', { [WINDOW]: count(0) }, null, 'ffffff'],
  ['no window', { [WINDOW]: undefined }, null, 'ffffff'],
] as const)('layers slide by %s', async (_, changes: Changes, window, kinds) => {
  const source = await changed('gemma3_text-pattern', { query_pre_attn_scalar: 8 }, changes)
  const config = ggufConfig(source, 'model.gguf')

  expect(config.sliding_window).toBe(window)
  expect((config.layer_types as string[]).map(([first]) => first).join('')).toBe(kinds)
})

test.each([
  ['the token of an end', { eos: 5 }, { eos_token_id: 5 }],
  ['both tokens of an end', { eos: 5, eot: 7 }, { eos_token_id: [5, 7] }],
  ['one that is both', { eos: 5, eot: 5 }, { eos_token_id: 5 }],
  ['the others', { bos: 1, padding: 0 }, { bos_token_id: 1, pad_token_id: 0 }],
] as const)('names %s', async (_, ids: Readonly<Record<string, number>>, expected: object) => {
  const tokens = Object.entries(ids).map(([name, id]) => [`tokenizer.ggml.${name}_token_id`, count(id)])
  const config = ggufConfig(await changed('llama', {}, Object.fromEntries(tokens)), 'model.gguf')

  expect(Object.fromEntries(Object.entries(config).filter(([key]) => key.endsWith('_token_id')))).toEqual(
    expected,
  )
})

test('the size of a head has three sources', async () => {
  const sizeOf = async (changes: Changes) => {
    const own = { 'llama.attention.value_length': undefined, ...changes }
    return ggufConfig(await changed('llama', {}, own), 'model.gguf').head_dim
  }
  const [key, rope] = ['llama.attention.key_length', 'llama.rope.dimension_count']

  expect(await sizeOf({ [key]: count(6), [rope]: undefined })).toBe(6)
  expect(await sizeOf({ [key]: undefined, [rope]: count(4) })).toBe(4)
  const { hidden_size: hidden, num_attention_heads: heads } = jsonOf('architectures/llama/config.json')
  expect(await sizeOf({ [key]: undefined, [rope]: undefined })).toBe(Math.floor(hidden / heads))
})

describe('a file is refused', () => {
  test.each([
    [
      'for an architecture that is not read',
      { 'general.architecture': text('mamba') },
      'GGUF_ARCHITECTURE',
      /mamba.*gemma2, gemma3/,
    ],
    ['that holds an adapter', { 'general.type': text('adapter') }, 'GGUF_KIND', /of the type "adapter"/],
    ['without architecture', { 'general.architecture': undefined }, 'GGUF_KEY', /"general.architecture"/],
    ['without its depth', { 'llama.block_count': undefined }, 'GGUF_KEY', /"llama.block_count" is missing/],
    [
      'for a text as a number',
      { 'llama.block_count': text('2') },
      'GGUF_KEY',
      /is 2, of type string, expected a whole/,
    ],
    [
      'for more layers than memory',
      { 'llama.block_count': count(2 ** 32 - 1) },
      'GGUF_KEY',
      /is 4294967295, expected 1 to 2000/,
    ],
    ['for a negative number', { 'llama.block_count': { type: 'i32', value: -1 } }, 'GGUF_KEY', /is -1/],
    [
      'for a number that is none',
      { 'llama.rope.freq_base': { type: 'f32', value: Number.NaN } },
      'GGUF_KEY',
      /finite/,
    ],
    [
      'for layers that differ',
      { 'llama.feed_forward_length': { type: 'array', values: Int32Array.of(8, 9) } },
      'GGUF_LAYERS',
      /differ in "llama.feed/,
    ],
    [
      'for layers of a half',
      { 'llama.feed_forward_length': { type: 'array', values: Float32Array.of(2.5, 2.5) } },
      'GGUF_KEY',
      /"llama.feed_forward_length" is of type array, expected whole numbers/,
    ],
    ['for experts of Mixtral', { 'llama.expert_count': count(8) }, 'GGUF_EXPERTS', /has 8 experts/],
    [
      'for values of another size than keys',
      { 'llama.attention.value_length': count(8) },
      'GGUF_HEADS',
      /values of 8/,
    ],
    [
      'for a rope that turns a part of a head',
      { 'llama.rope.dimension_count': count(2) },
      'GGUF_HEADS',
      /a rope over 2 channels/,
    ],
    [
      'for a rope that is scaled in another way',
      { 'llama.rope.scaling.type': text('longrope') },
      'GGUF_ROPE',
      /"longrope"/,
    ],
  ] as const)('%s', async (_, changes: Changes, code, message) => {
    const source = await changed('llama', {}, changes)
    expect(() => ggufConfig(source, 'model.gguf')).toThrow(
      expect.objectContaining({
        ...{ code, file: 'model.gguf' },
        ...{ message: expect.stringMatching(message), hint: expect.any(String) },
      }),
    )
  })

  test('without token table, and for factors of a rope that no config.json has', async () => {
    const { source } = await written(jsonOf('architectures/llama/config.json'))
    const refused = (code: string) => expect.objectContaining({ code })

    expect(() => ggufConfig({ ...source, tensors: new Map() }, 'a')).toThrow(refused('GGUF_TENSOR'))
    const width = Number(source.metadata.get('llama.attention.key_length')!.value) / 2
    const odd = Float32Array.from({ length: width }, (_, index) => 1 + (index % 3))
    expect(() => ggufConfig(source, 'a', odd)).toThrow(refused('GGUF_ROPE'))
    expect(() => ggufConfig(source, 'a', odd.subarray(1))).toThrow(refused('GGUF_TENSOR'))
  })
})
