import {
  AutoQuantizationConfig,
  type CheckpointHeaders,
  type Dtype,
  type MethodSigns,
} from '@hfquant/core/runtime'
import { describe, expect, test } from 'vitest'
import { registerShippedBackends } from './backends.js'
import { shippedBackends } from './shipped-backends.js'

registerShippedBackends()
const signs = new Map(shippedBackends.flatMap((own) => own.signs.map((sign) => [sign.quantMethod, sign])))

const LAYER = 'model.layers.0.mlp.up_proj'

/** Tensors below a layer, as "dtype shape". */
const layer = (parts: Record<string, string>): CheckpointHeaders => ({
  metadata: {},
  tensors: new Map(
    Object.entries(parts).map(([key, text]) => {
      const [dtype, ...shape] = text.split(' ')
      return [`${LAYER}.${key}`, { dtype: dtype as Dtype, shape: shape.map(Number) }]
    }),
  ),
})

/** How each method that there is looks: blocks of config.json, and tensors of a weight with 64 rows and 128 columns. */
const METHODS: Readonly<
  Record<string, { blocks: readonly object[]; headers: readonly CheckpointHeaders[] }>
> = {
  torchao: {
    blocks: [{ quant_method: 'torchao', quant_type: 'int8_weight_only' }],
    headers: [
      {
        metadata: { tensor_names: `["${LAYER}.weight"]`, [`${LAYER}.weight`]: '{"_type": "Int8Tensor"}' },
        tensors: layer({ _weight_qdata: 'int8 64 128', _weight_scale: 'float32 64 1' }).tensors,
      },
    ],
  },
  bitsandbytes: {
    blocks: [
      { quant_method: 'bitsandbytes', load_in_4bit: true },
      // As releases before quant_method wrote it.
      { load_in_8bit: true, llm_int8_threshold: 6 },
    ],
    headers: [
      layer({ weight: 'int8 64 128', SCB: 'float32 64' }),
      layer({
        ...{ weight: 'uint8 4096 1', 'weight.absmax': 'float32 128', 'weight.quant_map': 'float32 16' },
        'weight.quant_state.bitsandbytes__nf4': 'uint8 90',
      }),
    ],
  },
  gptq: {
    blocks: [
      { quant_method: 'gptq', bits: 4, group_size: 32 },
      { bits: 4, group_size: 32, sym: true },
      { bits: 4, q_group_size: 32 },
      // Models of AutoRound have the tensors of other methods.
      { quant_method: 'auto-round', bits: 4, group_size: 32, packing_format: 'auto_round:auto_gptq' },
      { quant_method: 'intel/auto-round', bits: 4, group_size: 32 },
    ],
    headers: [
      layer({
        ...{ qweight: 'int32 16 64', qzeros: 'int32 4 8', scales: 'float16 4 64', g_idx: 'int32 128' },
      }),
      // Of very old tools.
      layer({ qweight: 'int32 16 64', qzeros: 'int32 4 8', scales: 'float16 4 64' }),
      layer({ qweight: 'int32 8 64', qzeros: 'int32 1 4', scales: 'float32 1 64' }),
    ],
  },
  awq: {
    blocks: [
      { quant_method: 'awq', bits: 4, group_size: 32, zero_point: true },
      // quant_config.json of the first releases.
      { zero_point: true, q_group_size: 128, w_bit: 4, version: 'GEMM' },
      { bits: 4, group_size: 128, zero_point: true, version: 'gemm' },
      { quant_method: 'auto-round', bits: 4, group_size: 32, packing_format: 'auto_round:auto_awq' },
    ],
    headers: [
      layer({ qweight: 'int32 128 8', qzeros: 'int32 4 8', scales: 'float16 4 64' }),
      // As wide as a word has codes.
      layer({ qweight: 'int32 8 1', qzeros: 'int32 1 1', scales: 'float16 1 8' }),
      layer({ qweight: 'int32 64 16', qzeros: 'int32 64 2', scales: 'float16 64 16' }),
      layer({ qweight: 'int16 16 128', scales: 'float16 16 64', qzeros: 'float16 16 64' }),
      layer({ qweight: 'int16 16 128', scales: 'float16 16 64', scaled_zeros: 'float16 16 64' }),
    ],
  },
  mxfp4: {
    blocks: [{ quant_method: 'mxfp4' }],
    headers: [
      layer({ 'experts.down_proj_blocks': 'uint8 4 64 4 16', 'experts.down_proj_scales': 'uint8 4 64 4' }),
    ],
  },
  fp8: {
    blocks: [{ quant_method: 'fp8', weight_block_size: [32, 32] }],
    headers: [layer({ weight: 'float8_e4m3fn 64 128', weight_scale_inv: 'float32 2 4' })],
  },
  'compressed-tensors': {
    blocks: [
      { quant_method: 'compressed-tensors', config_groups: { W4A16: ['Linear'] } },
      // As releases before 2025 wrote it.
      { config_groups: { W4A16: ['Linear'] }, format: 'pack-quantized' },
      { quantization_config: { config_groups: { W4A16: ['Linear'] } }, sparsity_config: {} },
    ],
    headers: [
      layer({ weight_packed: 'int32 64 16', weight_scale: 'bfloat16 64 4', weight_shape: 'int64 2' }),
      layer({ weight_packed: 'uint8 64 64', weight_scale: 'uint8 64 4' }),
      layer({ weight: 'int8 64 128', weight_scale: 'bfloat16 64 1' }),
      layer({ weight: 'float8_e4m3fn 64 128', weight_scale: 'float32 64 1' }),
    ],
  },
  fbgemm_fp8: {
    blocks: [{ quant_method: 'fbgemm_fp8' }],
    headers: [
      layer({ weight: 'float8_e4m3fn 64 128', weight_scale: 'float32 64 1', input_scale_ub: 'float32 1' }),
    ],
  },
  quanto: {
    blocks: [
      { quant_method: 'quanto', weights: 'int4' },
      // The map of a folder, as it is read.
      { quant_method: 'quanto', quanto_qmap: { [LAYER]: { weights: 'qint8', activations: 'none' } } },
    ],
    headers: [
      layer({ 'weight._data': 'int8 64 128', 'weight._scale': 'float32 64 1', input_scale: 'float32' }),
      layer({ 'weight._data': 'float8_e4m3fn 64 128', 'weight._scale': 'bfloat16 64 1' }),
      layer({
        ...{ 'weight._data._data': 'uint8 32 128', 'weight._scale': 'float16 64 1' },
        'weight._shift': 'float16 64 1',
      }),
    ],
  },
}

/** What none of the methods takes for its own, until somebody adds the method. */
const OTHERS: Readonly<Record<string, CheckpointHeaders>> = {
  floats: layer({ weight: 'bfloat16 64 128', bias: 'bfloat16 64' }),
}

const recognizedBy = (headers: CheckpointHeaders): string[] =>
  [...signs.values()].filter((sign: MethodSigns) => sign.recognizes!(headers)).map((sign) => sign.quantMethod)

test('every shipped method is in the table', () => {
  expect(Object.keys(METHODS).sort()).toEqual([...signs.keys()].sort())
})

describe.each(Object.entries(METHODS))('%s', (method, { blocks, headers }) => {
  test.each(blocks)('is what %j asks for, and no other method claims', async (block) => {
    expect(await AutoQuantizationConfig.fromDict({ ...block })).toMatchObject({ quantMethod: method })
    const claiming = [...signs.values()].filter(({ claims }) => claims?.({ ...block }))
    expect(claiming.filter(({ quantMethod }) => quantMethod !== method)).toEqual([])
  })

  test.each(headers.map((each, index) => [index, each] as const))(
    'alone recognizes its tensors (%d)',
    (_, each) => {
      expect(recognizedBy(each)).toEqual([method])
    },
  )
})

test.each(Object.entries(OTHERS))('%s is taken for none of them', (_, headers) => {
  expect(recognizedBy(headers)).toEqual([])
})
