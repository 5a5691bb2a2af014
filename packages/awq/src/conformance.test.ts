import { describeQuantizer } from '@hfquant/testkit'
import { AwqConfig, awq } from './index.js'

const block = { quant_method: 'awq', group_size: 128 }

describeQuantizer(awq, {
  configs: {
    'groups of 32': {
      config: new AwqConfig({ method: 'rtn', groupSize: 32 }),
      ...{ largestError: 0.15, bitsPerWeight: 4.7 },
    },
  },
  skipping: (modules) => new AwqConfig({ method: 'rtn', groupSize: 32, modulesToNotConvert: modules }),
  calibrated: { 'groups of 32, calibrated': new AwqConfig({ groupSize: 32, dataset: [[1, 2, 3]] }) },
  loadingAttributes: {
    ...{ backend: 'torch', do_fuse: true, fuse_max_seq_len: 8, modules_to_fuse: {}, exllama_config: {} },
  },
  refused: {
    '3 bits': { ...block, bits: 3 },
    'bits that are no number': { ...block, bits: '4' },
    'a version made for one kernel': { ...block, version: 'marlin' },
    'a version that does not exist': { ...block, version: 'gem' },
    'no group size': { ...block, group_size: 0 },
    'zero points that are no choice': { ...block, zero_point: 1 },
  },
  spellings: {
    'the names of the first releases': {
      json: { zero_point: true, q_group_size: 64, w_bit: 4, version: 'GEMM' },
      means: { bits: 4, group_size: 64, version: 'gemm', zero_point: true },
    },
    'a layout that is named by its tool': {
      json: { quant_method: 'awq', backend: 'llm-awq' },
      means: { version: 'llm-awq', backend: 'llm-awq' },
    },
  },
})
