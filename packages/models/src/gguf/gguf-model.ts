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
  /** Where the parameter `key` of the module at `path` goes, whole or in parts; nowhere for one that llama.cpp has no name for. */
  places(path: string, key: string): readonly GgufPlace[]
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
  /** Rows that change places, or of which some go here. */
  readonly rows?: GgufRows | undefined
}

/** Rows in groups of one shape: of each group `sizes[0]` rows of a first part, then `sizes[1]` of a second, and so on. */
export interface GgufRows {
  readonly sizes: readonly number[]
  /** The part that goes here, of every group; default all of them, each from every group before the next one. */
  readonly part?: number | undefined
  /** The part of each group is a matrix by itself, along a first axis more: as it stands, or transposed. */
  readonly matrices?: 'plain' | 'transposed' | undefined
}

/** One dimension of float32. */
export interface GgufTable {
  readonly name: string
  readonly values: Float32Array
}
