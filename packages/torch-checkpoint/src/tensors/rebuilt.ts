import type { PickleValue } from '../pickle/values.js'
import type { TorchDtypeName } from './dtypes.js'

/** What the listed names mean; nothing of Python stands behind them. */
export type GlobalMeaning =
  /** A function or class that is interpreted and never is a value itself. */
  | { readonly kind: 'call' }
  /** A function that is recognised by its name and never called. */
  | { readonly kind: 'function' }
  | { readonly kind: 'dtype'; readonly dtype: TorchDtypeName }
  /** `undefined` is the storage without a dtype, which counts bytes. */
  | { readonly kind: 'storage'; readonly dtype: TorchDtypeName | undefined }
  | { readonly kind: 'class'; readonly fields: readonly string[] }
  | {
      readonly kind: 'tensor-class'
      readonly data: readonly string[]
      readonly attributes: readonly string[]
    }
  | { readonly kind: 'enum'; readonly members: ReadonlyMap<string, string | number> }

/** What the calls of a pickle describe. */
export type Rebuilt = StorageRef | StridedTensor | ClassInstance | EnumMember | Token

/** A run of bytes of the file, by key. */
export interface StorageRef {
  readonly kind: 'storage'
  readonly key: string
  readonly dtype: TorchDtypeName | undefined
  readonly byteLength: number
}

/** A view of a storage, checked to lie inside it. */
export interface StridedTensor {
  readonly kind: 'tensor'
  readonly storage: StorageRef
  readonly dtype: TorchDtypeName
  readonly shape: readonly number[]
  /** In elements. */
  readonly stride: readonly number[]
  /** In elements. */
  readonly offset: number
}

/** A dataclass or a tensor subclass. */
export interface ClassInstance {
  readonly kind: 'object'
  readonly className: string
  readonly knownFields: readonly string[]
  /** Absent until BUILD. */
  fields: ReadonlyMap<string, PickleValue> | undefined
  /** What a tensor subclass looks like from outside; absent for dataclasses. */
  readonly presents: { readonly dtype: TorchDtypeName; readonly shape: readonly number[] } | undefined
}

export interface EnumMember {
  readonly kind: 'enum'
  readonly className: string
  readonly member: string
  readonly value: string | number
}

/** A device or a layout: a name without data. */
export interface Token {
  readonly kind: 'token'
  readonly className: 'torch.device' | 'torch.layout'
  readonly value: string
}
