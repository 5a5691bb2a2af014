/** Keys that the tools write which make GPTQ checkpoints: AutoGPTQ, GPTQModel, optimum and transformers. In lower case. */
export const KNOWN_KEYS: readonly string[] = [
  ...['quant_method', 'method', 'bits', 'wbits', 'w_bit', 'group_size', 'q_group_size', 'desc_act', 'sym'],
  ...['zero_point', 'format', 'checkpoint_format', 'pack_dtype', 'lm_head', 'dynamic', 'meta', 'adapter'],
  ...['modules_in_block_to_quantize', 'block_name_to_quantize', 'module_name_preceding_first_block'],
  ...[
    'damp_percent',
    'damp_auto_increment',
    'static_groups',
    'true_sequential',
    'act_group_aware',
    'hyb_act',
  ],
  ...['mse', 'rotation', 'fallback', 'hessian', 'gptaq', 'foem', 'moe', 'offload_to_disk', 'v2', 'v2_alpha'],
  ...['tokenizer', 'dataset', 'model_seqlen', 'batch_size', 'pad_token_id', 'max_input_length'],
  ...['cache_block_outputs', 'backend', 'use_exllama', 'exllama_config', 'disable_exllama', 'use_cuda_fp16'],
  ...['model_name_or_path', 'model_file_base_name', 'is_marlin_format', 'awq_gemm_checkpoint'],
]
