import type { GraphBuilder, GraphValue } from './graph.js'
import type { IntegerCodes, IntegerGrid } from './integer-codes.js'
import type { StoredBytes } from './stored-bytes.js'
import type { Dtype, FloatDtype } from './tensor.js'

/** A float weight that may be quantized, as the format sees it: always [outFeatures, inFeatures]. */
export interface WeightInfo {
  /** "model.layers.0.self_attn.q_proj" */
  readonly path: string
  readonly kind: 'linear' | 'embedding'
  readonly outFeatures: number
  readonly inFeatures: number
  /** The dtype that the weight has, or would have, in float. Quantization starts from values of this dtype. */
  readonly dtype: FloatDtype
  /** Set for one of the weights that a file keeps in one tensor, such as those of all experts of a layer. */
  readonly stacked?: true
  /** Set for a weight with a bias beside it in the architecture. */
  readonly hasBias?: true
}

/** One tensor of a quantized weight, as stored on disk. */
export interface Component {
  /** Name below the module: "_weight_qdata" is stored as "model.layers.0.self_attn.q_proj._weight_qdata". */
  readonly key: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /**
   * 'rows' (default): the bytes divide evenly over the output rows, in their order, so row ranges are written as they
   * are made. 'columns': the tensor has the output rows in its last axis, as a transposed weight has; row ranges are put
   * into their columns in memory, and it is written when all of them have been made, so whoever quantizes rows writes
   * every byte of their columns. 'whole': the tensor is completed in
   * memory by `finish`. The last two are always read entirely.
   */
  readonly layout?: 'rows' | 'columns' | 'whole'
}

/** Consecutive rows of the float matrix. */
export interface FloatRows {
  /** Index of the first row within the weight. */
  readonly first: number
  readonly count: number
  /** A view of one row: [inFeatures]. `row` counts from 0 within these rows. */
  at(row: number): Float32Array
}

/**
 * The bytes of every component that belong to the same rows: of 'columns' components in `quantize` those columns, one line
 * behind the other, and all of them elsewhere; of 'whole' components always all.
 */
export interface ComponentRows {
  bytes(key: string): Uint8Array
  int8(key: string): Int8Array
  uint8(key: string): Uint8Array
  int32(key: string): Int32Array
  float32(key: string): Float32Array
  /** 16-bit patterns of bfloat16 and float16 components. */
  uint16(key: string): Uint16Array
}

/** Shapes by component key. */
export type FinalShapes = ReadonlyMap<string, readonly number[]>

/** A kernel of @hfquant/kernels, or of `module`, that does a step in the worker pool. */
export interface KernelCall {
  readonly kernel: string
  /** `rows`, `columns` and `dtype` are filled in by the caller, and `from` where the kernel casts. */
  readonly params?: Readonly<Record<string, number | string | boolean>>
  /** Component keys in the order of the kernel's outputs (quantize) or inputs (dequantize); default: all, in order. */
  readonly components?: readonly string[]
  /**
   * True: the kernel rounds weights to `dtype` itself, and gets them in their float dtype `from` in the file. Weights that
   * are cast for it go through memory once more.
   */
  readonly casts?: boolean
  /** File URL of an ES module that exports `kernels`. */
  readonly module?: string
}

/** What `lower` gets to work with. */
export interface LoweringInput {
  readonly weight: WeightInfo
  /** float32, [..., inFeatures]; for an embedding int64 ids. */
  readonly input: GraphValue
  /** 'low' asks for the smallest resident weights where the format has a choice between speed and memory. */
  readonly memory: 'auto' | 'low'
  /** A component, unchanged, as a constant of the graph. */
  component(key: string): GraphValue
  /** A component's bytes, for constants that are derived from it. */
  read(key: string): Promise<Uint8Array>
  /** Where these bytes lie, for kernels; undefined for a component that does not lie in one place as it is. */
  source?(key: string): StoredBytes | undefined
}

/**
 * How one quantized weight is made, stored, restored and computed with. The quantizer decides which modules get a
 * format; nothing but the format knows what is inside.
 */
export interface QuantizedFormat {
  /** Shown in reports: "int8 per row". */
  readonly name: string
  /** Remarks on a weight that is used all the same. Those about a stored tensor name it; equal ones are shown once. */
  readonly warnings?: readonly string[]
  /** Row ranges are cut at multiples of this; default 1. */
  readonly rowsPerStep?: number
  /** True when the size of a component is known only after quantizing; the file is then laid out after that. */
  readonly sizesDependOnValues?: boolean
  /** Dtype of a bias [outFeatures] that belongs to the stored weight, though the architecture has none beside it. */
  readonly bias?: FloatDtype
  components(weight: WeightInfo): readonly Component[]
  /** Components that exist while quantizing and are handed to `finish`, but are not stored. */
  scratch?(weight: WeightInfo): readonly Component[]
  /** The formula, row range by row range. Absent: can be loaded, not made. */
  quantize?(rows: FloatRows, out: ComponentRows, weight: WeightInfo): void
  /** The same bytes, by a kernel. */
  quantizeKernel?(weight: WeightInfo): KernelCall
  /**
   * Completes 'whole' components once every row has been quantized; gets the 'columns' ones and the scratch entirely.
   *
   * @returns the final shapes of components whose size depends on values: `components` then states the largest one, and
   * what lies beyond the final one is cut off. A format that has such components says `sizesDependOnValues`.
   */
  finish?(parts: ComponentRows, weight: WeightInfo): FinalShapes | undefined
  /** Float32 values of some rows. */
  dequantize(stored: ComponentRows, out: FloatRows, weight: WeightInfo): void
  /** The same values, by a kernel whose one output is float32 [rows, columns]. */
  dequantizeKernel?(weight: WeightInfo): KernelCall
  /** ONNX nodes for y = x·Wᵀ without bias, the fast way. Absent or undefined: computed on the dequantized weight. */
  lower?(graph: GraphBuilder, layer: LoweringInput): GraphValue | undefined
  /**
   * ONNX nodes for the rows of an embedding: int64 ids, the input of `layer`, of any shape -> float32 [..., inFeatures].
   * Absent or undefined: looked up in the dequantized table.
   */
  lowerEmbedding?(graph: GraphBuilder, layer: LoweringInput): GraphValue | undefined
  /**
   * A stored weight as integers, from which another method can make its own tensors without losing a bit; or why it is more
   * than that. Absent: a format of something else, which is not converted.
   */
  readonly integers?: IntegerForm | Skip
  /** Stores such integers, on the grid that the format was chosen for, bit for bit; all components entirely. */
  pack?(integers: IntegerCodes, out: ComponentRows, weight: WeightInfo): void
}

/** What the tensors of a weight say, out of the order in which its method packs them. */
export interface IntegerForm {
  readonly grid: IntegerGrid
  /** @param stored all components, entirely. */
  unpack(stored: ComponentRows, weight: WeightInfo): IntegerCodes
}

/** A module left in float, and why. */
export interface Skip {
  readonly skip: string
}
