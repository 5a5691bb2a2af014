import type { FloatDtype, QuantizedFormat } from '@hfquant/core'
import type { IntMapping, ScaleFloor } from '@hfquant/kernels'
import type { ScaleBlock } from '../configs/granularity.js'
import { encode } from '../encoding/encode.js'
import { pythonJson } from '../encoding/python-json.js'
import type { Fields } from '../encoding/values.js'

/** What the header of a safetensors file says of one tensor: its class, its attributes, and its parts in the file. */
export interface TensorDocument {
  /** "Tensor" for a plain one, else a tensor class of torchao. */
  readonly type: string
  /** Attributes by name, in the order in which torchao writes them. */
  readonly fields: Fields
  /** `M.p` is stored as `M._p_<name>` for each of these. */
  readonly dataNames: readonly string[]
}

/** Signed codes with a scale and an integer zero point. */
export interface AffineScheme extends ScaleBlock {
  readonly kind: 'affine'
  readonly bits: number
  readonly mapping: IntMapping
  readonly eps: ScaleFloor
  readonly scaleDtype: FloatDtype
}

/** Four-bit codes with a scale and a float offset, in groups of a row. */
export interface OffsetScheme {
  readonly kind: 'offset'
  readonly groupSize: number
}

export type Scheme = AffineScheme | OffsetScheme

/** A format that knows how torchao describes its tensors. */
export interface TorchAoFormat extends QuantizedFormat {
  readonly document: TensorDocument
  /** What a config determines about the tensors, in words; equal for equal configs. */
  readonly storedAs: string
  /** How codes and scales are chosen; absent for a stored weight, which is not quantized again. */
  readonly scheme?: Scheme
}

export const isTorchAoFormat = (format: QuantizedFormat): format is TorchAoFormat => 'document' in format

/** Component key of a part of `M.weight`. */
export const componentKey = (dataName: string): string => `_weight_${dataName}`

/** `M.p` is stored as `M._p_qdata`, `M._p_scale` and so on. */
export function partName(tensor: string, dataName: string): string {
  const dot = tensor.lastIndexOf('.')
  return `${tensor.slice(0, dot + 1)}_${tensor.slice(dot + 1)}_${dataName}`
}

export const PLAIN_DOCUMENT = '{"_type": "Tensor"}'

/** The document as `json.dumps` writes it. */
export const formatDocument = ({ type, fields, dataNames }: TensorDocument): string =>
  pythonJson({
    _type: type,
    _data: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, encode(value, 'header')])),
    _tensor_data_names: dataNames,
  })
