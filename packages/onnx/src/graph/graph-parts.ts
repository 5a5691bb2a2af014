import type { ConstantTensor, GraphAttribute } from '@hfquant/core'

/** What a graph computes, without its inputs and outputs. Nodes stand behind those whose results they read. */
export interface GraphParts {
  readonly nodes: readonly Node[]
  readonly constants: readonly ConstantTensor[]
  readonly literals: readonly Literal[]
}

/** A dimension: a number, or the name of one that is known when the graph runs. */
export type Dimension = number | string

/** An input or output of a graph. */
export interface GraphPort {
  readonly name: string
  readonly shape: readonly Dimension[]
}

export interface Port extends GraphPort {
  /** TensorProto.DataType */
  readonly type: number
}

/** A graph with its inputs and outputs. */
export interface PortedGraph extends GraphParts {
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
}

export interface Node {
  readonly operator: string
  readonly domain: string
  /** Empty for an optional input that is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, GraphAttribute>>
  /** The branch that the node belongs to. Its inputs may be values from outside. */
  readonly branch?: string
  /**
   * Of an `If`: the branches that it opens, whose nodes stand before it; none where the value otherwise comes from outside.
   * Its inputs are the condition, the value of the branch and the value otherwise, so that whoever follows values through
   * a graph need not know of branches.
   */
  readonly opens?: { readonly body: string; readonly otherwise: string | undefined }
}

/** A small constant inside the graph. */
export interface Literal {
  readonly name: string
  /** TensorProto.DataType */
  readonly type: number
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}
