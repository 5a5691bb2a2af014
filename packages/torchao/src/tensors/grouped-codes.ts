import type {
  Component,
  ComponentRows,
  FloatDtype,
  FloatRows,
  QuantizedFormat,
  WeightInfo,
} from '@hfquant/core'
import { narrowFloats, reference, runKernel } from '@hfquant/kernels'
import type { ScaleBlock } from '../configs/granularity.js'
import { refuseWideCodes } from './code-range.js'
import { expectFinite, FLOAT_SCALES, readZeroPoints, type StoredParts } from './stored-parts.js'
import { type AffineScheme, componentKey } from './torchao-format.js'

export const QDATA = componentKey('qdata')
export const SCALE = componentKey('scale')
export const ZERO_POINT = componentKey('zero_point')

/**
 * Codes with a scale, and perhaps a zero point, for each group of consecutive weights of a row, or for the whole weight:
 * qdata int8 [N, K], scale [N, K / groupSize] or [1, 1], zero_point int8 of the same shape; w' = (code - zero) * scale.
 */
export interface GroupedCodes extends ScaleBlock {
  readonly inFeatures: number
  /** Codes lie in -2^(bits-1) .. 2^(bits-1)-1. */
  readonly bits: number
  readonly scaleDtype: FloatDtype
  /** 'zeros': stored, and all 0. */
  readonly zeroPoint: 'absent' | 'zeros' | 'values'
}

/** Storage and reconstruction of grouped codes; how they are made and multiplied belongs to the tensor class. */
export function groupedCodes(
  codes: GroupedCodes,
): Pick<QuantizedFormat, 'components' | 'dequantize' | 'dequantizeKernel'> {
  const { inFeatures, groupSize, shared, bits, scaleDtype, zeroPoint } = codes
  const keys = zeroPoint === 'absent' ? [QDATA, SCALE] : [QDATA, SCALE, ZERO_POINT]
  const common = {
    components: ({ outFeatures }: WeightInfo): readonly Component[] => {
      const shape = shared ? [1, 1] : [outFeatures, inFeatures / groupSize]
      const all: Component[] = [
        { key: QDATA, dtype: 'int8', shape: [outFeatures, inFeatures] },
        { key: SCALE, dtype: scaleDtype, shape },
        { key: ZERO_POINT, dtype: 'int8', shape },
      ]
      const kept = all.slice(0, keys.length)
      return shared ? kept.map((component) => ({ ...component, layout: 'whole' })) : kept
    },
    dequantize(stored: ComponentRows, out: FloatRows, { path }: WeightInfo): void {
      refuseWideCodes(stored.bytes(QDATA), bits, `${path}.${QDATA}`)
      const values = new Float32Array(out.count * inFeatures)
      const params = { rows: out.count, columns: inFeatures, groupSize, scaleDtype, dtype: 'float32' }
      const [, ...scales] = keys
      const inputs = shared
        ? [
            rowsOf(stored.bytes(QDATA), out, inFeatures),
            ...scales.map((key) => repeat(stored.bytes(key), out.count)),
          ]
        : keys.map((key) => stored.bytes(key))
      runKernel('dequantizeRows', params, inputs, [new Uint8Array(values.buffer)])
      for (let row = 0; row < out.count; row++) {
        out.at(row).set(values.subarray(row * inFeatures, (row + 1) * inFeatures))
      }
    },
  }
  // Narrow codes are checked on their way, which the kernel alone does not do.
  if (shared || bits < 8) return common
  return {
    ...common,
    dequantizeKernel: () => ({
      kernel: 'dequantizeRows',
      params: { groupSize, scaleDtype },
      components: keys,
    }),
  }
}

/** Codes of a scheme with a scale for each row or group. */
export function quantizeGroups({
  groupSize,
  bits,
  mapping,
  eps,
  scaleDtype,
}: AffineScheme): Required<Pick<QuantizedFormat, 'quantize' | 'quantizeKernel'>> {
  const params = { groupSize, bits, mapping, eps, scaleDtype }
  return {
    quantize(rows, out, weight) {
      const extent = { dtype: weight.dtype, rows: rows.count, columns: weight.inFeatures }
      reference.intGroups({ ...params, ...extent }, [rowBytes(rows, weight)], outputBytes(out))
    },
    quantizeKernel: () => ({ kernel: 'intGroups', params, components: [QDATA, SCALE, ZERO_POINT] }),
  }
}

/** Checks the parts of a stored weight against its document. @throws CheckpointError that names part and file. */
export async function readGroupedCodes(
  parts: StoredParts,
  { groupSize, shared }: ScaleBlock,
  bits: number,
): Promise<GroupedCodes> {
  const { outFeatures, inFeatures } = parts.weight
  const scales = shared ? [1, 1] : [outFeatures, inFeatures / groupSize]
  parts.tensors.expect(QDATA, ['int8'], [outFeatures, inFeatures])
  const scaleDtype = await expectFinite(parts, SCALE, FLOAT_SCALES, scales)
  const codes = { inFeatures, groupSize, shared, bits, scaleDtype }
  if (!parts.has('zero_point')) return { ...codes, zeroPoint: 'absent' }
  parts.tensors.expect(ZERO_POINT, ['int8'], scales)
  return { ...codes, zeroPoint: await readZeroPoints(parts, ZERO_POINT, bits) }
}

/** Bytes of some rows out of those of all. */
const rowsOf = (codes: Uint8Array, { first, count }: FloatRows, rowBytes: number): Uint8Array =>
  codes.subarray(first * rowBytes, (first + count) * rowBytes)

function repeat(element: Uint8Array, count: number): Uint8Array {
  const bytes = new Uint8Array(element.length * count)
  for (let i = 0; i < count; i++) bytes.set(element, i * element.length)
  return bytes
}

/** The rows in the dtype that the weight is quantized from, as a kernel takes them: [count, inFeatures]. */
export function rowBytes(rows: FloatRows, { inFeatures, dtype }: WeightInfo): Uint8Array {
  const values = new Float32Array(rows.count * inFeatures)
  for (let row = 0; row < rows.count; row++) values.set(rows.at(row), row * inFeatures)
  return narrowFloats(values, dtype)
}

/** Where a kernel that makes codes, scales and zero points writes them. */
export const outputBytes = (out: ComponentRows): readonly Uint8Array[] =>
  [QDATA, SCALE, ZERO_POINT].map((key) => out.bytes(key))
