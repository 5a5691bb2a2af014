/** What a text has to be. The first three are what callers ask for; the others put them together, for formats such as tool calls. */
export type GrammarSource =
  /** Any JSON object, nested up to 32 deep. */
  | { readonly type: 'json_object' }
  /** A JSON value that a schema describes: see the README for the keywords. */
  | { readonly type: 'json_schema'; readonly schema: unknown }
  /** A text that an ECMAScript pattern (flag `u`) matches as a whole. */
  | { readonly type: 'regex'; readonly pattern: string }
  /** Exactly this text. */
  | { readonly type: 'text'; readonly text: string }
  /** One token that has no text, such as the opener of a tool call. */
  | { readonly type: 'token'; readonly id: number }
  /** Any text up to where `until` would begin, which is no part of it; undefined: to the end. */
  | { readonly type: 'free'; readonly until?: string | undefined }
  | { readonly type: 'sequence'; readonly parts: readonly GrammarSource[] }
  | { readonly type: 'choice'; readonly options: readonly GrammarSource[] }
  /** `part` at least `min` times, without an upper end. */
  | {
      readonly type: 'repeat'
      readonly part: GrammarSource
      readonly min: 0 | 1
      readonly separator?: string
    }
