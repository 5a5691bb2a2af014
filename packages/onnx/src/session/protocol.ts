/** What the main thread and the session worker say to each other. Large arrays are transferred, not copied. */

/** The shape of a decoder's key/value cache. */
export interface CacheShape {
  readonly layers: number
  readonly heads: number
  readonly headSize: number
}

export type Request =
  | {
      readonly kind: 'open'
      readonly modelPath: string
      readonly cache: CacheShape
      readonly threads: number
    }
  | { readonly kind: 'forward'; readonly ids: Int32Array; readonly batch: number }
  | { readonly kind: 'append'; readonly sequence: number; readonly ids: Int32Array }
  | { readonly kind: 'free'; readonly sequence: number }
  | { readonly kind: 'close' }

export interface Call {
  readonly id: number
  readonly request: Request
}

export type Reply =
  | { readonly id: number; readonly logits: Float32Array }
  | { readonly id: number; readonly done: true }
  | { readonly id: number; readonly error: string }
