import type { GgufBlockType } from '@hfquant/kernels'

/** What activations, the cache, and all weights outside of blocks are. */
export type OnnxFloat = 'float32' | 'float16'

export interface OnnxPrecision {
  /** What the library appends to the file name. */
  readonly suffix: string
  readonly float: OnnxFloat
  /** What the weights of linear layers are rounded to. */
  readonly blocks?: GgufBlockType
}

/** By the names with which the library chooses a file of a folder, its `dtype`. */
export const PRECISIONS = {
  fp32: { suffix: '', float: 'float32' },
  fp16: { suffix: '_fp16', float: 'float16' },
  q8: { suffix: '_quantized', float: 'float32', blocks: 'Q8_0' },
  q4: { suffix: '_q4', float: 'float32', blocks: 'Q4_0' },
  q4f16: { suffix: '_q4f16', float: 'float16', blocks: 'Q4_0' },
} as const satisfies Readonly<Record<string, OnnxPrecision>>

/** Precision of the linear layers; with names that end in 16 also of everything else, which is float32 otherwise. */
export type OnnxType = keyof typeof PRECISIONS

export const ONNX_TYPES = Object.keys(PRECISIONS) as readonly OnnxType[]
