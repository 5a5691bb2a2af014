/**
 * What a layer of a decoder keeps of the tokens that it has seen: keys and values of some heads, of the last `window`
 * tokens only where it never looks back further; or nothing, where it reads those of an earlier layer.
 */
export type LayerCache =
  | {
      readonly kind: 'kv'
      /** Key/value heads. */
      readonly heads: number
      /** Channels of a key, and of a value. */
      readonly headSize: number
      /** Tokens that a token attends to, itself included; undefined for all. */
      readonly window?: number | undefined
    }
  | { readonly kind: 'shared'; readonly with: number }
