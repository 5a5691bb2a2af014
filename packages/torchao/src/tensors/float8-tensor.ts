import { CheckpointError } from '@hfquant/core'
import { FLOAT8_DTYPES, type Float8Dtype, runKernel } from '@hfquant/kernels'
import type { ScaleBlock } from '../configs/granularity.js'
import { expectFloatDtype } from './document-fields.js'
import { QDATA, SCALE } from './grouped-codes.js'
import { expectFinite, readBlock } from './stored-parts.js'
import type { TensorClass } from './tensor-class.js'
import type { TensorDocument, TorchAoFormat } from './torchao-format.js'

export const FLOAT8_TENSOR = 'Float8Tensor'

interface Float8Codes extends ScaleBlock {
  readonly tensor: string
  readonly inFeatures: number
  readonly outFeatures: number
  readonly codeDtype: Float8Dtype
}

/**
 * Weights stored as eight-bit floats: qdata [N, K], scale float32 [N, K / groupSize] or [1, 1]; w' = code * scale. They
 * are computed with in float32; no product of eight-bit floats exists in the runtime.
 */
function storedFloat8(codes: Float8Codes, document: TensorDocument): TorchAoFormat {
  const { tensor, inFeatures, outFeatures, groupSize, shared, codeDtype } = codes
  const perRow = groupSize === inFeatures
  const extent = shared ? 'for the whole weight' : perRow ? 'per row' : `per group of ${groupSize}`
  const params = { columns: inFeatures, groupSize, codeDtype, dtype: 'float32' }
  return {
    name: `${codeDtype.replace('_', ' ')} ${extent}`,
    storedAs: FLOAT8_TENSOR,
    document,
    components: () => [
      { key: QDATA, dtype: codeDtype, shape: [outFeatures, inFeatures] },
      {
        key: SCALE,
        dtype: 'float32',
        shape: shared ? [1, 1] : [outFeatures, inFeatures / groupSize],
        layout: shared ? 'whole' : 'rows',
      },
    ],
    dequantize(stored, out) {
      const values = new Float32Array(out.count * inFeatures)
      const scales = shared
        ? new Uint8Array(new Float32Array(out.count).fill(stored.float32(SCALE)[0]!).buffer)
        : stored.bytes(SCALE)
      const { nonFinite } = runKernel(
        'float8Dequantize',
        { ...params, rows: out.count },
        [stored.bytes(QDATA), scales],
        [new Uint8Array(values.buffer)],
      )
      if (nonFinite > 0) throw notFinite(tensor)
      for (let row = 0; row < out.count; row++) {
        out.at(row).set(values.subarray(row * inFeatures, (row + 1) * inFeatures))
      }
    },
  }
}

const notFinite = (tensor: string) =>
  new CheckpointError('TENSOR_NOT_FINITE', `"${tensor}" has codes that are NaN or infinity`, {
    tensor,
    hint: 'The file is damaged; download it again.',
  })

/** How the class is read from a file. */
export const float8Tensor: TensorClass = {
  className: FLOAT8_TENSOR,
  attributes: ['block_size', 'mm_config', 'act_quant_kwargs', 'kernel_preference', 'dtype'],
  requiredData: ['qdata', 'scale'],
  optionalData: [],
  check(fields, tensor) {
    if (fields.dtype !== undefined && fields.dtype !== null) expectFloatDtype(fields, tensor)
  },
  async format(parts) {
    const { tensor, weight, document } = parts
    const { outFeatures, inFeatures } = weight
    const block = readBlock(parts, true)
    const qdata = parts.tensors.expect(QDATA, FLOAT8_DTYPES, [outFeatures, inFeatures])
    const shape = block.shared ? [1, 1] : [outFeatures, inFeatures / block.groupSize]
    await expectFinite(parts, SCALE, ['float32'], shape)
    const codeDtype = qdata.dtype as Float8Dtype
    return storedFloat8({ tensor, inFeatures, outFeatures, ...block, codeDtype }, document)
  },
}
