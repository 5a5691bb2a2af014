import type { ComponentRows, FinalShapes, FloatDtype, QuantizedFormat, WeightInfo } from '@hfquant/core'
import { reference, runKernel } from '@hfquant/kernels'
import { dtypeValue } from '../encoding/values.js'
import { lowerInt4Offset } from '../lower/int4-offset.js'
import { badAttribute, dtypeName, FLOAT_DTYPES } from './document-fields.js'
import { QDATA, rowBytes, SCALE, ZERO_POINT } from './grouped-codes.js'
import { expectFinite, FLOAT_SCALES, readBlock, type StoredParts } from './stored-parts.js'
import type { TensorClass } from './tensor-class.js'
import type { TensorDocument, TorchAoFormat } from './torchao-format.js'

export const INT4_TENSOR = 'Int4Tensor'

/**
 * Packed codes with a scale and a float offset for each group: qdata int8 [N, K / 2], even column in the low nibble;
 * scale and zero_point [K / groupSize, N] in one dtype; w' = code * scale + zero_point.
 */
export interface Int4Codes {
  readonly inFeatures: number
  readonly outFeatures: number
  /** Even, divides `inFeatures`. */
  readonly groupSize: number
  readonly scaleDtype: FloatDtype
}

/** The Int4Tensor that a weight becomes, scale and offset in the dtype of the weight. */
export function int4TensorFormat(
  weight: WeightInfo,
  { groupSize }: { readonly groupSize: number },
): TorchAoFormat {
  const { inFeatures, outFeatures, dtype } = weight
  const document: TensorDocument = {
    type: INT4_TENSOR,
    fields: {
      activation_dtype: ACTIVATION_DTYPE,
      block_size: [1, groupSize],
      shape: [outFeatures, inFeatures],
    },
    dataNames: ['qdata', 'scale', 'zero_point'],
  }
  const codes = { inFeatures, outFeatures, groupSize, scaleDtype: dtype }
  return { ...storedInt4(codes, document), ...quantizeInt4(codes), scheme: { kind: 'offset', groupSize } }
}

/** What torchao writes whatever the weight was: the type that its kernel computes in. */
const ACTIVATION_DTYPE = dtypeValue('bfloat16')

const ROW_SCALE = '_weight_scale_rows'
const ROW_OFFSET = '_weight_zero_point_rows'

/** Scales come row by row, and are stored group by group: they are turned when all of them are there. */
function quantizeInt4({ inFeatures, outFeatures, groupSize, scaleDtype }: Int4Codes) {
  const groups = inFeatures / groupSize
  const components = [QDATA, ROW_SCALE, ROW_OFFSET]
  return {
    scratch: () =>
      [ROW_SCALE, ROW_OFFSET].map((key) => ({ key, dtype: scaleDtype, shape: [outFeatures, groups] })),
    quantize(rows, out, weight) {
      const params = { dtype: weight.dtype, rows: rows.count, columns: inFeatures, groupSize }
      const outputs = components.map((key) => out.bytes(key))
      reference.int4OffsetQuantize(params, [rowBytes(rows, weight)], outputs)
    },
    quantizeKernel: () => ({ kernel: 'int4OffsetQuantize', params: { groupSize }, components }),
    finish(parts: ComponentRows): FinalShapes | undefined {
      const params = { dtype: scaleDtype, rows: outFeatures, columns: groups }
      for (const [from, to] of [
        [ROW_SCALE, SCALE],
        [ROW_OFFSET, ZERO_POINT],
      ] as const) {
        runKernel('transposeFloats', params, [parts.bytes(from)], [parts.bytes(to)])
      }
      return undefined
    },
  } satisfies Partial<QuantizedFormat>
}

function storedInt4(codes: Int4Codes, document: TensorDocument): TorchAoFormat {
  const { inFeatures, outFeatures, groupSize, scaleDtype } = codes
  const scales = [inFeatures / groupSize, outFeatures]
  const restoring = { groupSize, outFeatures, scaleDtype }
  const components = [QDATA, SCALE, ZERO_POINT]
  const lower = lowerInt4Offset(codes)
  return {
    name: `int4 per group of ${groupSize}`,
    storedAs: describeInt4Tensor(groupSize),
    document,
    components: () => [
      { key: QDATA, dtype: 'int8', shape: [outFeatures, inFeatures / 2] },
      { key: SCALE, dtype: scaleDtype, shape: scales, layout: 'whole' },
      { key: ZERO_POINT, dtype: scaleDtype, shape: scales, layout: 'whole' },
    ],
    dequantize(stored, out) {
      const { first, count } = out
      const values = new Float32Array(count * inFeatures)
      const params = { ...restoring, rows: count, columns: inFeatures, first, dtype: 'float32' }
      const inputs = components.map((key) => stored.bytes(key))
      runKernel('int4OffsetDequantize', params, inputs, [new Uint8Array(values.buffer)])
      for (let row = 0; row < count; row++) {
        out.at(row).set(values.subarray(row * inFeatures, (row + 1) * inFeatures))
      }
    },
    ...(lower === undefined ? {} : { lower }),
  }
}

/** What a config determines about the class. */
export const describeInt4Tensor = (groupSize: number): string =>
  `${INT4_TENSOR} with a scale for every ${groupSize} weights of a row`

/** How the class is read from a file. */
export const int4Tensor: TensorClass = {
  className: INT4_TENSOR,
  attributes: ['activation_dtype', 'block_size', 'shape'],
  requiredData: ['qdata', 'scale', 'zero_point'],
  optionalData: [],
  check(fields, tensor) {
    const { activation_dtype: activations } = fields
    if (activations === undefined) return
    if (!FLOAT_DTYPES.some((known) => known === dtypeName(activations))) {
      throw badAttribute(tensor, 'activation_dtype', activations, FLOAT_DTYPES.join(', '))
    }
  },
  async format(parts) {
    const { outFeatures, inFeatures } = parts.weight
    const { groupSize } = readBlock(parts, false)
    refuseOdd(parts, groupSize)
    parts.tensors.expect(QDATA, ['int8'], [outFeatures, inFeatures / 2])
    const scales = [inFeatures / groupSize, outFeatures]
    const scaleDtype = await expectFinite(parts, SCALE, FLOAT_SCALES, scales)
    await expectFinite(parts, ZERO_POINT, [scaleDtype], scales)
    return storedInt4({ inFeatures, outFeatures, groupSize, scaleDtype }, parts.document)
  },
}

function refuseOdd({ tensor, weight, document }: StoredParts, groupSize: number): void {
  const { shape, block_size: block } = document.fields
  if (groupSize % 2 !== 0) throw badAttribute(tensor, 'block_size', block, '[1, an even number]')
  const [rows, columns] = Array.isArray(shape) ? shape : []
  if (rows === weight.outFeatures && columns === weight.inFeatures) return
  throw badAttribute(tensor, 'shape', shape, `[${weight.outFeatures}, ${weight.inFeatures}]`)
}
