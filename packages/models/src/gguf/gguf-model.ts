/** A value of the metadata of a GGUF file, with the type that it is stored as. */
export type GgufValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly i32s: readonly number[] }
  | { readonly f32s: readonly number[] }
  | { readonly bools: readonly boolean[] }

export type GgufMetadata = ReadonlyMap<string, GgufValue>

/** What llama.cpp calls the parts of a model, and how it wants them. */
export interface GgufModel {
  /** `general.architecture`, and the prefix of its keys. */
  readonly architecture: string
  /** Sizes and constants, by full key. */
  readonly metadata: GgufMetadata
  /** Where the parameter `key` of the module at `path` goes; undefined for one that llama.cpp has no name for. */
  place(path: string, key: string): GgufPlace | undefined
  /** Keys of the metadata whose numbers are parameters of one number each, by their names: float32, in this order. */
  readonly metadataNumbers?: ReadonlyMap<string, readonly string[]>
  /** Tensors that are computed. */
  readonly tables: readonly GgufTable[]
  /** The matrix that makes the logits; where it is not that of the token table, a tied one is written twice. */
  readonly outputMatrix: string
  /** What llama.cpp does in another way. */
  readonly warnings: readonly string[]
}

export interface GgufPlace {
  readonly name: string
  /** Its place in a stack: the tensors of one name are one, with a first axis more. */
  readonly inStack?: number | undefined
  /** Added to every number. */
  readonly offset?: number | undefined
  /** Size of the heads whose rows llama.cpp wants with the two halves of a rotation next to each other. */
  readonly rotaryHeadSize?: number | undefined
  /** Rows that stand together for each key/value head, and go apart: all queries, all keys, all values. */
  readonly groups?: { readonly count: number; readonly sizes: readonly number[] } | undefined
}

/** One dimension of float32. */
export interface GgufTable {
  readonly name: string
  readonly values: Float32Array
}
