/** A tensor of a pickled checkpoint: an entry of its own, or the content of an object's field. */
export interface FieldTensor {
  readonly kind: 'tensor'
  /** Key of the state dict; in an object with the fields behind it: "model.norm.weight", "lm_head.weight.qdata". */
  readonly name: string
  /** As torch names it, without "torch.": "bfloat16", "int4". */
  readonly dtype: string
  readonly shape: readonly number[]
}

/** An instance of a class, as a pickle stores it: a tensor subclass, or settings in one of its fields. */
export interface StoredObject<Tensor extends FieldTensor> {
  readonly kind: 'object'
  /** As of a tensor. */
  readonly name: string
  /** Module and class with dots between. */
  readonly className: string
  /** In the order of the file. */
  readonly fields: ReadonlyMap<string, FieldValue<Tensor>>
  /** The tensor that a subclass stands for; undefined for settings. */
  readonly presents: Pick<FieldTensor, 'dtype' | 'shape'> | undefined
}

/** What a field may hold. Nothing in it has a behaviour: functions are names. */
export type FieldValue<Tensor extends FieldTensor> =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Tensor
  | StoredObject<Tensor>
  | {
      readonly kind: 'enum'
      readonly className: string
      readonly member: string
      readonly value: string | number
    }
  | { readonly kind: 'dtype'; readonly name: string }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'token'; readonly className: string; readonly value: string }
  | readonly FieldValue<Tensor>[]
  | ReadonlyMap<string | number, FieldValue<Tensor>>

/** A pickled checkpoint in which some tensors are objects. */
export interface ObjectCheckpoint<Tensor extends FieldTensor> {
  /** The state dict, in its order. */
  readonly entries: ReadonlyMap<string, Tensor | StoredObject<Tensor>>
  /** Bytes of a small tensor, row-major, little-endian. */
  read(tensor: Tensor): Promise<Uint8Array>
}

/** The same checkpoint as a file of plain tensors would hold it. */
export interface FlatCheckpoint<Tensor extends FieldTensor> {
  readonly tensors: readonly FlatTensor<Tensor>[]
  /** What a file header would say beside them. */
  readonly metadata: Readonly<Record<string, string>>
}

/** A tensor of the flat checkpoint: the first bytes of `source`, read as `dtype` and `shape`. */
export interface FlatTensor<Tensor extends FieldTensor> {
  readonly name: string
  readonly source: Tensor
  readonly dtype: string
  readonly shape: readonly number[]
}

/** How a method turns the objects that its Python library pickles into the tensors that it stores elsewhere. */
export interface ObjectFlattener {
  owns(className: string): boolean
  /**
   * @throws CapabilityError for an object of its own that cannot be loaded; CheckpointError for one that is damaged.
   */
  flatten<Tensor extends FieldTensor>(checkpoint: ObjectCheckpoint<Tensor>): Promise<FlatCheckpoint<Tensor>>
}
