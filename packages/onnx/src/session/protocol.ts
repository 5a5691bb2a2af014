/** What the main thread and the session worker say to each other. Large arrays are transferred, not copied. */

/** The shape of a decoder's key/value cache. */
export interface CacheShape {
  readonly layers: number
  readonly heads: number
  readonly headSize: number
}

/** Where an optimized model is written. */
export interface PrepackTarget {
  readonly modelPath: string
  /** Name of a file beside the model. */
  readonly weightsFile: string
}

export type Request =
  | {
      readonly kind: 'open'
      readonly modelPath: string
      readonly cache: CacheShape
      readonly threads: number
      /** True for a file that the runtime wrote itself: there is nothing left to optimize. */
      readonly optimized: boolean
    }
  | {
      readonly kind: 'prepack'
      readonly modelPath: string
      readonly target: PrepackTarget
      readonly threads: number
    }
  | { readonly kind: 'forward'; readonly ids: Int32Array; readonly batch: number }
  | { readonly kind: 'append'; readonly sequence: number; readonly ids: Int32Array }
  | { readonly kind: 'free'; readonly sequence: number }
  | { readonly kind: 'openGraph'; readonly modelPath: string; readonly threads: number }
  | {
      readonly kind: 'run'
      readonly feeds: TensorRecord
      readonly outputs: readonly string[]
      readonly into: TensorRecord
    }
  | { readonly kind: 'accumulate'; readonly feeds: TensorRecord; readonly sums: readonly SumPort[] }
  | { readonly kind: 'takeSums' }
  | { readonly kind: 'closeGraph' }
  | { readonly kind: 'close' }

/** A tensor on its way between threads, row-major. */
export interface GraphTensor {
  readonly dtype: 'float32' | 'int64' | 'int32'
  readonly shape: readonly number[]
  readonly data: Float32Array | BigInt64Array | Int32Array
}

export type TensorRecord = Readonly<Record<string, GraphTensor>>

/** A float32 output that is fed back as an input of the next run; zeros at first. */
export interface SumPort {
  readonly input: string
  readonly output: string
  readonly shape: readonly number[]
}

export interface Call {
  readonly id: number
  readonly request: Request
}

export type Reply =
  | { readonly id: number; readonly logits: Float32Array }
  | { readonly id: number; readonly done: true }
  | { readonly id: number; readonly tensors: TensorRecord }
  | { readonly id: number; readonly error: string }
