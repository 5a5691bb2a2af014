import { CheckpointError, type GraphValue } from '@hfquant/core'
import { castFloats } from '@hfquant/kernels'
import type { Graph } from '@hfquant/onnx'
import { exceedsFloat16, type FloatWeight, inGroups, rowBytes } from '../float-weight.js'
import type { OnnxFloat } from './onnx-type.js'

/**
 * A weight in the floats of the graph. While it is written, CheckpointError TENSOR_EXCEEDS_FLOAT16 is thrown for values
 * that float16 has no room for: what such a weight is multiplied with would leave the range as well, so that keeping it
 * in float32 would help nobody.
 */
export const floatConstant = (graph: Graph, weight: FloatWeight, float: OnnxFloat): GraphValue =>
  graph.constant({
    name: `${weight.name}.${float}`,
    dtype: float,
    shape: weight.shape,
    chunks: () => floatChunks(weight, float),
  })

async function* floatChunks(weight: FloatWeight, float: OnnxFloat): AsyncGenerator<Uint8Array> {
  for await (const values of inGroups(weight.chunks(), rowBytes(weight))) {
    if (float === 'float16' && exceedsFloat16(values, weight)) throw exceeding(weight)
    yield castFloats(values, weight.dtype, float)
  }
}

const exceeding = ({ name }: FloatWeight): CheckpointError =>
  new CheckpointError('TENSOR_EXCEEDS_FLOAT16', `"${name}" holds values beyond 65504, the largest float16`, {
    tensor: name,
    hint: 'Export it with float32 outside of its linear layers: as fp32, q8 or q4.',
  })
