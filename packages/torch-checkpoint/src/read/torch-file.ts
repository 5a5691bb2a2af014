import type { TorchObject, TorchScalar, TorchTensor } from '../tensors/torch-value.js'
import type { TensorRange } from './tensor-range.js'

export interface ReadOptions extends TensorRange {
  /** Stops between two calls to the operating system; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface StreamOptions extends ReadOptions {
  /** Length of every piece but the last; default 4 MiB. */
  readonly chunkBytes?: number
}

/** An open file of which only the description of its tensors is in memory. */
export interface TorchFile extends AsyncDisposable {
  readonly path: string
  /** Read-only descriptor for reads by position, from any thread; valid until close(). */
  readonly fd: number
  /** Length of the whole file. */
  readonly byteLength: number
  /** The state dict, in its own order. */
  readonly entries: ReadonlyMap<string, TorchTensor | TorchObject>
  /** Plain values beside the tensors, such as an epoch. */
  readonly scalars: ReadonlyMap<string, TorchScalar>
  /**
   * The bytes of a tensor of this file, or of a part of it: contiguous, row-major, in memory of their own (position 0 of a
   * new ArrayBuffer). Other strides are gathered.
   */
  read(tensor: TorchTensor, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>>
  /** The same piece by piece, each in memory of its own. */
  stream(
    tensor: TorchTensor,
    options?: StreamOptions,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>
  /** Waits for reads that have begun. Every use afterwards throws FILE_CLOSED; a second close does nothing. */
  close(): Promise<void>
}
