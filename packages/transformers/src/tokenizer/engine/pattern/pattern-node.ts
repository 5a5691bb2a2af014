/** How a repetition gives characters back. */
export type RepeatMode = 'greedy' | 'lazy' | 'possessive'

export type Assertion =
  | 'line-start'
  | 'line-end'
  | 'text-start'
  | 'text-end'
  | 'text-end-or-newline'
  | 'word-boundary'
  | 'no-word-boundary'

/** A parsed pattern. `set` is an index into the sets of the pattern: one character of it. */
export type PatternNode =
  | { readonly type: 'set'; readonly set: number }
  | { readonly type: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly type: 'choice'; readonly items: readonly PatternNode[] }
  | {
      readonly type: 'repeat'
      readonly item: PatternNode
      readonly min: number
      readonly max: number
      readonly mode: RepeatMode
    }
  | { readonly type: 'atomic'; readonly item: PatternNode }
  | {
      readonly type: 'look'
      readonly behind: boolean
      readonly negative: boolean
      readonly item: PatternNode
    }
  | { readonly type: 'assertion'; readonly kind: Assertion }

/** A set as the source and the flags of a regular expression for one character. */
export interface SetSource {
  readonly source: string
  readonly flags: 'v' | 'iv'
}

export interface ParsedPattern {
  readonly root: PatternNode
  readonly sets: readonly SetSource[]
}
