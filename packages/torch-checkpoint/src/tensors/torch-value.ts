import type { TorchFile } from '../read/torch-file.js'
import type { TorchDtypeName } from './dtypes.js'

/** A plain tensor; a parameter is its tensor. Little endian. */
export interface TorchTensor {
  readonly kind: 'tensor'
  /** Key of the state dict; inside an object with the fields behind it: `fc.weight.qdata`. */
  readonly name: string
  /** As torch names it, without `torch.`. */
  readonly dtype: TorchDtypeName
  /** Sizes, outermost first; empty for a scalar. */
  readonly shape: readonly number[]
  /** Steps in elements, one for each size; 0 repeats. */
  readonly stride: readonly number[]
  /** Whether the elements lie one after the other in row-major order: then the bytes can be read from `byteOffset` directly. */
  readonly isContiguous: boolean
  readonly file: TorchFile
  /** Position in the file of the first element. */
  readonly byteOffset: number
  /** Bytes of all elements in row-major order, without gaps. */
  readonly byteLength: number
  /** Tensors with the same key of the same file share memory. */
  readonly storageKey: string
}

/** A tensor subclass of torchao or one of its dataclasses, as far as it was saved. */
export interface TorchObject {
  readonly kind: 'object'
  /** See {@link TorchTensor.name}. */
  readonly name: string
  /** Module and class with dots between. */
  readonly className: string
  /** In the order of the file; fields that the class does not know and that hold plain values are left out. */
  readonly fields: ReadonlyMap<string, TorchValue>
  /** What a tensor subclass looks like from outside; undefined for dataclasses. */
  readonly presents: { readonly dtype: TorchDtypeName; readonly shape: readonly number[] } | undefined
}

/** A member of an enumeration of torchao. */
export interface TorchEnum {
  readonly kind: 'enum'
  readonly className: string
  /** `SYMMETRIC` */
  readonly member: string
  readonly value: string | number
}

/** A dtype as a value: the `target_dtype` of a tensor subclass. */
export interface TorchDtype {
  readonly kind: 'dtype'
  readonly name: TorchDtypeName
}

/** A function that is stored by name; it can be recognised, never called. */
export interface TorchFunction {
  readonly kind: 'function'
  readonly name: string
}

/** A device or a layout by its text. */
export interface TorchToken {
  readonly kind: 'token'
  readonly className: 'torch.device' | 'torch.layout'
  readonly value: string
}

/** A plain value. */
export type TorchScalar = string | number | bigint | boolean | null | Uint8Array

/** Lists and tuples are arrays, dicts are maps. */
export type TorchValue =
  | TorchScalar
  | TorchTensor
  | TorchObject
  | TorchEnum
  | TorchDtype
  | TorchFunction
  | TorchToken
  | readonly TorchValue[]
  | ReadonlyMap<string | number, TorchValue>
