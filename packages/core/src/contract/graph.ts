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
