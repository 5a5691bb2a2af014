import type { ByteSpacing, StoredBytes } from './stored-bytes.js'
import type { Dtype } from './tensor.js'

/** A value that flows through a graph; only its builder looks inside. */
export interface GraphValue {
  readonly id: string
}

/** An ONNX attribute: integer, float, string, or a list of integers. */
export type GraphAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, GraphAttribute>>
  /** Operator domain; '' (the ONNX one) by default, 'com.microsoft' for ONNX Runtime's own operators. */
  readonly domain?: '' | 'com.microsoft'
}

/** A large constant, whose bytes are made when the weights file is written and never held together. */
export interface ConstantTensor {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** The tensor's bytes, row-major, little-endian, in pieces of any size. */
  chunks(): AsyncIterable<Uint8Array>
  /**
   * The same bytes as calls of kernels, which threads make side by side, without passing through the memory of this one.
   * Absent, or undefined, where a kernel over stored bytes is not all that it takes.
   */
  readonly pieces?: () => readonly ConstantPiece[] | undefined
}

/** One call of a kernel of @hfquant/kernels, or of `module`, whose only output is a part of a constant. */
export interface ConstantPiece {
  readonly kernel: string
  readonly params: Readonly<Record<string, number | string | boolean>>
  readonly inputs: readonly StoredBytes[]
  readonly output: PieceOutput
  /** File URL of an ES module that exports `kernels`. */
  readonly module?: string
}

/** Bytes of a constant that a piece writes. */
export interface PieceOutput {
  /** Where they begin in the constant. */
  readonly offset: number
  readonly byteLength: number
  readonly spacing?: ByteSpacing
}

/**
 * Builds an ONNX graph. Two calls that describe the same node return the same value, so layers that share an input
 * share what they derive from it without knowing of each other.
 */
export interface GraphBuilder {
  /** Adds a node with one output. `undefined` leaves an optional input out. */
  node(operator: string, inputs: readonly (GraphValue | undefined)[], options?: NodeOptions): GraphValue
  /** Adds a node with several outputs. */
  nodes(
    operator: string,
    inputs: readonly (GraphValue | undefined)[],
    outputs: number,
    options?: NodeOptions,
  ): readonly GraphValue[]
  /** A constant stored in the external weights file. Equal names mean the same constant. */
  constant(tensor: ConstantTensor): GraphValue
  /** A small constant stored inside the graph. */
  literal(
    dtype: 'float32' | 'int64' | 'int32' | 'uint8' | 'int8',
    shape: readonly number[],
    values: readonly number[],
  ): GraphValue
}
