import type { CalibrationData } from '@hfquant/calibrate'
import type { JsonObject } from '@hfquant/core'
import type { Arrangement } from '../format/layout.js'

/** Versions of the layout that are read, by the arrangement that each one is. */
export const VERSIONS: Readonly<Record<string, Arrangement>> = {
  gemm: 'gemm',
  gemv: 'gemv',
  gemv_fast: 'gemv_fast',
  'llm-awq': 'gemv_fast',
}

/** `quantization_config` of an AWQ model, as the backend works with it. */
export interface AwqSettings {
  /** 'rtn' rounds to the nearest while streaming and needs no calibration. Not part of config.json. */
  readonly method: 'awq' | 'rtn'
  readonly bits: 4
  /** Channels that share a scale; -1: all of a row. */
  readonly groupSize: number
  /** False: every zero point is 8, unless the file holds others. */
  readonly zeroPoint: boolean
  /** A key of VERSIONS. */
  readonly version: string
  /** Modules that stay in float, in addition to the output projection. */
  readonly modulesToNotConvert: readonly string[] | null
  /** Whether weights are bounded where that makes their outputs better; null: for groups of 128 and more. */
  readonly clip: boolean | null
  /** The range of AutoAWQ, in which a group far from 0 saturates. */
  readonly referenceRange: boolean
  /** True for a block of AutoRound, which says much of how the model was made. */
  readonly autoRound: boolean
  /** Never part of config.json. */
  readonly dataset: CalibrationData | null
  /** Sequences at most. */
  readonly samples: number
  /** Tokens of a sequence that texts are cut into. */
  readonly sequenceLength: number | null
  /** Bytes of hidden states that stay in memory; what goes beyond lies in a file. */
  readonly maxHiddenBytes: number
  /** Other entries of the block as they were read: runtime switches of Python, and what is not known. */
  readonly others: JsonObject
}

export const DEFAULTS: AwqSettings = {
  method: 'awq',
  bits: 4,
  groupSize: 128,
  zeroPoint: true,
  version: 'gemm',
  modulesToNotConvert: null,
  clip: null,
  referenceRange: false,
  autoRound: false,
  dataset: null,
  samples: 128,
  sequenceLength: 512,
  maxHiddenBytes: 64 * 2 ** 20,
  others: {},
}

/** Keys that a caller may change while loading. All of them choose kernels of Python, and none changes anything here. */
export const LOADING = ['backend', 'do_fuse', 'fuse_max_seq_len', 'modules_to_fuse', 'exllama_config']

/** Keys of config.json that the settings hold, and older names of them. */
export const OWN_KEYS = [
  ...['quant_method', 'bits', 'w_bit', 'group_size', 'q_group_size', 'zero_point', 'version', 'format'],
  'modules_to_not_convert',
]

/** Keys of AutoAWQ, of transformers, whose AwqConfig has all of GPTQ's, and of tools that write AWQ files. */
export const KNOWN_KEYS = [
  ...OWN_KEYS,
  ...LOADING,
  ...['lm_head', 'provider', 'checkpoint_format', 'pack_dtype', 'sym', 'desc_act', 'act_group_aware'],
  ...['static_groups', 'true_sequential', 'damp_percent', 'damp_auto_increment', 'mse', 'dataset', 'meta'],
  ...['dynamic', 'tokenizer', 'model_seqlen', 'block_name_to_quantize', 'module_name_preceding_first_block'],
  ...['batch_size', 'pad_token_id', 'use_cuda_fp16', 'max_input_length', 'cache_block_outputs'],
  ...['modules_in_block_to_quantize', 'offload_to_disk', 'hyb_act'],
]
