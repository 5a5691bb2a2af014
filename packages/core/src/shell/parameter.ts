import type { Dtype, TensorInfo } from '../contract/tensor.js'
import { tensorBytes } from './dtype.js'

/** Where the bytes of a parameter are. Stored bytes may have another float dtype: they are cast when they are read. */
export type Storage =
  | { readonly kind: 'meta' }
  | { readonly kind: 'memory'; readonly buffer: SharedArrayBuffer; readonly dtype: Dtype }
  | (FilePart & {
      readonly kind: 'file'
      readonly dtype: Dtype
      /** Name of the tensor, where it comes from a checkpoint. */
      readonly tensor?: string
    })
  /** Ranges of files that are the tensor one behind the other. */
  | {
      readonly kind: 'parts'
      readonly parts: readonly FilePart[]
      readonly dtype: Dtype
      readonly tensor?: string
    }

export interface FilePart {
  /** Open for reading as long as the model lives. */
  readonly fd: number
  readonly path: string
  readonly position: number
  readonly byteLength: number
}

const META: Storage = { kind: 'meta' }

/** A tensor of the model. On the meta device it has a shape and a dtype, and no bytes. */
export class Parameter implements TensorInfo {
  storage: Storage = META

  constructor(
    public dtype: Dtype,
    public shape: readonly number[],
    /** Components of a format are its own: what looks like floats may be packed integers, and only it can tell. */
    readonly isComponent = false,
  ) {}

  get byteLength(): number {
    return tensorBytes(this.dtype, this.shape)
  }

  /** Says where the bytes are; `shape` is given when it turned out smaller than was made room for. */
  place(storage: Storage, shape: readonly number[] = this.shape): void {
    this.shape = shape
    this.storage = beginning(storage, this.byteLength)
  }
}

/** The first bytes of a storage. */
function beginning(storage: Storage, byteLength: number): Storage {
  if (storage.kind === 'file') return { ...storage, byteLength }
  if (storage.kind !== 'memory' || storage.buffer.byteLength === byteLength) return storage
  return { ...storage, buffer: storage.buffer.slice(0, byteLength) }
}
