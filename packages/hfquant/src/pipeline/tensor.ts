import { RuntimeError } from '@hfquant/core'

/** Lists within lists, as deep as a tensor has dimensions. */
export type NestedNumbers = number | readonly NestedNumbers[]

const ARRAYS = { float32: Float32Array, int8: Int8Array, uint8: Uint8Array } as const

export type TensorType = keyof typeof ARRAYS

/**
 * Numbers with a shape, as @huggingface/transformers gives them: `data` row by row, `dims`, and rows by their index, as in
 * `output[0]`.
 */
export class Tensor implements Iterable<Tensor> {
  readonly [row: number]: Tensor

  constructor(
    readonly type: TensorType,
    readonly data: InstanceType<(typeof ARRAYS)[TensorType]>,
    readonly dims: readonly number[],
  ) {
    const size = dims.reduce((product, dim) => product * dim, 1)
    if (size !== data.length) {
      throw new RuntimeError('TENSOR_SHAPE', `${data.length} values have no shape [${dims.join(', ')}]`)
    }
    for (let row = 0; row < (dims[0] ?? 0); row++)
      Object.defineProperty(this, row, { configurable: true, get: () => this.#row(row) })
  }

  /** Number of values. */
  get size(): number {
    return this.data.length
  }

  /** Lists of numbers, one within the other. */
  tolist(): readonly NestedNumbers[] {
    if (this.dims.length <= 1) return Array.from(this.data)
    return Array.from(this, (row) => row.tolist())
  }

  *[Symbol.iterator](): Iterator<Tensor> {
    for (let row = 0; row < (this.dims[0] ?? 0); row++) yield this.#row(row)
  }

  /** A view. */
  #row(row: number): Tensor {
    const dims = this.dims.slice(1)
    const size = dims.reduce((product, dim) => product * dim, 1)
    return new Tensor(this.type, this.data.subarray(row * size, (row + 1) * size), dims)
  }
}
