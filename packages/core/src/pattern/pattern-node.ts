/** A text as code points, as Python counts characters. */
export type CodePoints = readonly number[]

/** A pattern, parsed. What a group captures is not kept: patterns here are only asked whether they match. */
export type PatternNode =
  | { readonly kind: 'character'; readonly accepts: (point: number) => boolean }
  | { readonly kind: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly items: readonly PatternNode[] }
  | {
      readonly kind: 'repeat'
      readonly item: PatternNode
      readonly least: number
      /** Infinity when there is no limit. */
      readonly most: number
    }
  /** Consumes nothing; true or false of a place in the text. */
  | { readonly kind: 'place'; readonly holds: (text: CodePoints, place: number) => boolean }
  | {
      readonly kind: 'look'
      readonly ahead: boolean
      readonly negative: boolean
      readonly body: PatternNode
    }
