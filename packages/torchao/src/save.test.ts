import {
  type Checkpoint,
  Embedding,
  Linear,
  Module,
  openCheckpoint,
  type QuantizationConfig,
  type SavedTensor,
  type Shell,
  stateDict,
} from '@hfquant/core/runtime'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Int8WeightOnlyConfig, recipes, TorchAoConfig, torchao } from './index.js'
import { goldenPath } from './testing/golden.fixture.js'

const DTYPE = 'bfloat16'

let float: Checkpoint
let quantized: Checkpoint
beforeAll(async () => {
  float = await openCheckpoint(goldenPath('tiny-llama/bf16'))
  quantized = await openCheckpoint(goldenPath('tiny-llama/int8-weight-only'))
})
afterAll(() => Promise.all([float.close(), quantized.close()]))

/** The modules of tiny-llama in the order of the Python class. */
function tinyLlama(): Shell {
  const root = new Module()
  const model = root.child('model', new Module())
  model.child('embed_tokens', new Embedding(128, 64, DTYPE))
  const layers = model.child('layers', new Module())
  for (const index of [0, 1]) {
    const layer = layers.child(`${index}`, new Module())
    const attention = layer.child('self_attn', new Module())
    for (const [name, outFeatures] of [
      ['q_proj', 64],
      ['k_proj', 32],
      ['v_proj', 32],
      ['o_proj', 64],
    ] as const) {
      attention.child(name, new Linear(64, outFeatures, DTYPE))
    }
    const mlp = layer.child('mlp', new Module())
    mlp.child('gate_proj', new Linear(64, 128, DTYPE))
    mlp.child('up_proj', new Linear(64, 128, DTYPE))
    mlp.child('down_proj', new Linear(128, 64, DTYPE))
    for (const name of ['input_layernorm', 'post_attention_layernorm']) layer.child(name, norm())
  }
  model.child('norm', norm())
  root.child('lm_head', new Linear(64, 128, DTYPE))
  return {
    root,
    dtype: DTYPE,
    basePrefix: 'model',
    inputEmbedding: 'model.embed_tokens',
    outputEmbedding: 'lm_head',
    ties: [],
  }
}

function norm(): Module {
  const module = new Module()
  module.parameter('weight', DTYPE, [64])
  return module
}

/** Runs the stages of the lifecycle that decide what a saved checkpoint looks like. */
async function prepare(config: QuantizationConfig, checkpoint: Checkpoint, preQuantized: boolean) {
  const shell = tinyLlama()
  const quantizer = torchao.create(config, preQuantized)
  const result = await quantizer.preprocess({ shell, checkpoint, deviceMap: { '': 'cpu' } as never })
  const tensors: readonly SavedTensor[] = stateDict(shell)
  return { result, quantizer, metadata: quantizer.checkpointMetadata(tensors), tensors }
}

describe('the header of a saved checkpoint', () => {
  test('of a model quantized while it loads is the one that Python writes, in its order', async () => {
    const { metadata, tensors } = await prepare(recipes['int8-weight-only']!(), float, false)
    expect(JSON.stringify({ ...metadata, format: 'pt' })).toBe(JSON.stringify(quantized.metadata))
    expect(new Set(tensors.map(({ name }) => name))).toEqual(new Set(quantized.tensors.keys()))
  })

  test.each(['int8-weight-only', 'int8-weight-only-sharded'])(
    'of a model that was loaded quantized stays as it was: %s',
    async (folder) => {
      await using checkpoint = await openCheckpoint(goldenPath(`tiny-llama/${folder}`))
      const { metadata, result } = await prepare(recipes['int8-weight-only']!(), checkpoint, true)
      expect(JSON.stringify({ ...metadata, format: 'pt' })).toBe(JSON.stringify(quantized.metadata))
      expect(result.quantized).toHaveLength(14)
      expect(result.skipped.map(({ module }) => module)).toEqual(['lm_head'])
      expect(result.warnings).toEqual([])
    },
  )
})

describe('the saved config', () => {
  test('keeps null when the default skip list alone applied', async () => {
    const { quantizer, result } = await prepare(recipes['int8-weight-only']!(), float, false)
    expect(quantizer.config.toDict()).toEqual(recipes['int8-weight-only']!().toDict())
    expect(result.skipped.map(({ module }) => module)).toEqual(['lm_head'])
  })

  test('names every module that stayed in float when the caller named some', async () => {
    const config = new TorchAoConfig({
      quantType: new Int8WeightOnlyConfig(),
      modulesToNotConvert: ['layers.1.mlp'],
    })
    const { quantizer } = await prepare(config, float, false)
    expect(quantizer.config.toDict().modules_to_not_convert).toEqual([
      'model.layers.1.mlp.gate_proj',
      'model.layers.1.mlp.up_proj',
      'model.layers.1.mlp.down_proj',
      'lm_head',
    ])
  })

  test('replaceDefaults quantizes the output projection, and embeddings if they are included', async () => {
    const config = new TorchAoConfig({
      quantType: new Int8WeightOnlyConfig(),
      modulesToNotConvert: [],
      replaceDefaults: true,
      includeInputOutputEmbeddings: true,
    })
    const { quantizer, result, metadata } = await prepare(config, float, false)
    expect(quantizer.config.toDict().modules_to_not_convert).toEqual([])
    expect(result.quantized).toEqual(expect.arrayContaining(['model.embed_tokens', 'lm_head']))
    expect(metadata['model.embed_tokens.weight']).toContain('Int8Tensor')
  })
})

test('a config of a version that torchao has replaced loads with one warning', async () => {
  const config = new TorchAoConfig({ quantType: new Int8WeightOnlyConfig({ version: 1 }) })
  const { result, quantizer } = await prepare(config, quantized, true)
  expect(result.quantized).toHaveLength(14)
  expect(result.warnings).toEqual([expect.stringContaining('version 1')])
  expect(quantizer.config.toDict()).toEqual(config.toDict())
})

test('names and strings in the header are escaped as Python does', () => {
  const metadata = torchao.definition.files!.metadata!(
    [{ name: 'モデル."x".weight', dtype: 'bfloat16', shape: [1] }],
    recipes['int8-weight-only']!().value,
  )
  expect(metadata).toEqual({
    'モデル."x".weight': '{"_type": "Tensor"}',
    tensor_names: '["\\u30e2\\u30c7\\u30eb.\\"x\\".weight"]',
  })
})
