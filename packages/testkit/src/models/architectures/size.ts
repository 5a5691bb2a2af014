/** How large a tiny model is. The defaults are divided by every common group and block size. */
export interface ArchitectureSize {
  readonly layers: number
  readonly hidden: number
  /** Width of the MLP; GPT-2 always takes four times `hidden`. */
  readonly inner: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  readonly vocabulary: number
  readonly positions: number
  /** Width of an expert, and how many there are. */
  readonly expertInner: number
  readonly experts: number
}

export const DEFAULT_SIZE: ArchitectureSize = {
  layers: 2,
  hidden: 128,
  inner: 256,
  heads: 4,
  kvHeads: 2,
  headSize: 32,
  vocabulary: 96,
  positions: 256,
  expertInner: 128,
  experts: 4,
}
