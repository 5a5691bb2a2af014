import { CheckpointError } from '@hfquant/core'

/**
 * The name of a tensor, which stays what it is.
 *
 * @throws CheckpointError LAYOUT_UNSUPPORTED for a name of OpenAI's own files, "block.0.mlp.mlp1_weight.blocks": their
 * queries, keys and values are one matrix.
 */
export function refuseOriginalName(name: string): string {
  if (!/^block\.\d+\.mlp\.mlp[12]_weight\.(blocks|scales)$/.test(name)) return name
  throw new CheckpointError('LAYOUT_UNSUPPORTED', `"${name}" is a name of the original files of gpt-oss`, {
    tensor: name,
    found: name,
    expected: 'model.layers.0.mlp.experts.gate_up_proj_blocks',
    hint: 'Load the files beside its folder "original", in the layout of transformers.',
  })
}
