import type { CheckpointHeaders, Dtype, MethodSigns } from '@hfquant/core'

/**
 * True for packed weights; and for bytes of codes with a scale, unless they have the bound of activations that fbgemm stores
 * beside them.
 */
export function looksCompressed({ tensors }: CheckpointHeaders): boolean {
  for (const [name, { dtype }] of tensors) {
    if (name.endsWith('.weight_packed')) return true
    if (!name.endsWith('.weight') || !isCodeDtype(dtype)) continue
    const path = name.slice(0, -'weight'.length)
    if (tensors.has(`${path}weight_scale`) && !tensors.has(`${path}input_scale_ub`)) return true
  }
  return false
}

/** Codes that have a byte each. */
export const isCodeDtype = (dtype: Dtype | undefined): boolean =>
  dtype === 'int8' || dtype === 'float8_e4m3fn'

/** True for a block of releases that wrote no `quant_method`. */
const hasGroups = (block: unknown): boolean =>
  typeof block === 'object' && block !== null && 'config_groups' in block

export const signs: readonly MethodSigns[] = [
  {
    quantMethod: 'compressed-tensors',
    claims: (json) => json.quant_method == null && (hasGroups(json) || hasGroups(json.quantization_config)),
    recognizes: looksCompressed,
  },
]
