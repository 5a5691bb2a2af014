/** Values of config.json as torchao writes them. */
export const enumeration = (type: string, member: string) => ({ _type: type, _data: member })
export const instance = (type: string, data: object = {}) => ({ _type: type, _version: 1, _data: data })

export const ROW = instance('PerRow', { dim: -1 })

export const INT8 = {
  _type: 'Int8WeightOnlyConfig',
  _version: 2,
  _data: { group_size: null, granularity: ROW, set_inductor_config: true },
}
export const INTX = {
  _type: 'Int8DynamicActivationIntxWeightConfig',
  _version: 2,
  _data: {
    weight_dtype: enumeration('torch.dtype', 'int4'),
    weight_granularity: instance('PerGroup', { group_size: 32 }),
    weight_mapping_type: enumeration('MappingType', 'SYMMETRIC'),
    weight_scale_dtype: null,
    act_mapping_type: enumeration('MappingType', 'ASYMMETRIC'),
    intx_packing_format: enumeration('IntxPackingFormat', 'UNPACKED_TO_INT8'),
    intx_choose_qparams_algorithm: enumeration('IntxChooseQParamsAlgorithm', 'AFFINE'),
  },
}

/** A `quantization_config` with one config for all weights. */
export const block = (config: unknown, rest: object = {}) => ({
  quant_method: 'torchao',
  quant_type: { default: config },
  modules_to_not_convert: null,
  include_input_output_embeddings: false,
  untie_embedding_weights: false,
  ...rest,
})
