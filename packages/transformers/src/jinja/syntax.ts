/** Expressions and statements of a template, as the parser makes them. `line` counts from 1. */

export type Constant = null | boolean | bigint | number | string

export interface Arguments {
  readonly positional: readonly Expression[]
  readonly keywords: readonly (readonly [name: string, value: Expression])[]
  /** `*list` */
  readonly list?: Expression | undefined
  /** `**mapping` */
  readonly mapping?: Expression | undefined
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**'
export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in'

/** A filter or a test applied to `subject`; within `filter` and `set` blocks the subject is the rendered body. */
export interface Application {
  readonly kind: 'filter' | 'test'
  readonly line: number
  readonly name: string
  readonly subject: Expression
  readonly args: Arguments
}

export interface Call {
  readonly kind: 'call'
  readonly line: number
  readonly callee: Expression
  readonly args: Arguments
}

export type Expression =
  | { readonly kind: 'constant'; readonly line: number; readonly value: Constant }
  | { readonly kind: 'name'; readonly line: number; readonly name: string }
  /** What a block has rendered, as the subject of its filters. */
  | { readonly kind: 'body'; readonly line: number }
  | { readonly kind: 'list' | 'tuple'; readonly line: number; readonly items: readonly Expression[] }
  | {
      readonly kind: 'dict'
      readonly line: number
      readonly pairs: readonly (readonly [key: Expression, value: Expression])[]
    }
  | {
      readonly kind: 'conditional'
      readonly line: number
      readonly test: Expression
      readonly value: Expression
      readonly otherwise: Expression | undefined
    }
  | {
      readonly kind: 'and' | 'or'
      readonly line: number
      readonly left: Expression
      readonly right: Expression
    }
  | { readonly kind: 'not' | 'negative' | 'positive'; readonly line: number; readonly operand: Expression }
  | {
      readonly kind: 'compare'
      readonly line: number
      readonly first: Expression
      readonly rest: readonly (readonly [operator: Comparison, operand: Expression])[]
    }
  | { readonly kind: 'concatenate'; readonly line: number; readonly parts: readonly Expression[] }
  | {
      readonly kind: 'binary'
      readonly line: number
      readonly operator: BinaryOperator
      readonly left: Expression
      readonly right: Expression
    }
  | { readonly kind: 'attribute'; readonly line: number; readonly object: Expression; readonly name: string }
  | { readonly kind: 'item'; readonly line: number; readonly object: Expression; readonly index: Expression }
  | {
      readonly kind: 'slice'
      readonly line: number
      readonly object: Expression
      readonly start: Expression | undefined
      readonly stop: Expression | undefined
      readonly step: Expression | undefined
    }
  | Call
  | Application

/** Where `set`, `for` and `with` put values. */
export type Target =
  | { readonly kind: 'name'; readonly line: number; readonly name: string }
  | { readonly kind: 'namespace'; readonly line: number; readonly name: string; readonly attribute: string }
  | { readonly kind: 'targets'; readonly line: number; readonly targets: readonly Target[] }

/** Parameters of a macro, or of the body of a `call` block. */
export interface Signature {
  readonly names: readonly string[]
  /** Of the last parameters. */
  readonly defaults: readonly Expression[]
}

export type Body = readonly Statement[]

export type Statement =
  | { readonly kind: 'text'; readonly line: number; readonly text: string }
  | { readonly kind: 'output'; readonly line: number; readonly value: Expression }
  | {
      readonly kind: 'if'
      readonly line: number
      readonly branches: readonly (readonly [test: Expression, body: Body])[]
      readonly otherwise: Body
    }
  | For
  | { readonly kind: 'set'; readonly line: number; readonly target: Target; readonly value: Expression }
  | {
      readonly kind: 'set-block'
      readonly line: number
      readonly target: Target
      readonly filter: Expression
      readonly body: Body
    }
  | MacroDefinition
  | {
      readonly kind: 'call-block'
      readonly line: number
      readonly signature: Signature
      readonly call: Call
      readonly body: MacroBody
    }
  | { readonly kind: 'filter-block'; readonly line: number; readonly filter: Expression; readonly body: Body }
  | {
      readonly kind: 'with'
      readonly line: number
      readonly values: readonly (readonly [Target, Expression])[]
      readonly body: Body
    }
  /** A body with a scope of its own: `generation`, `autoescape`. */
  | { readonly kind: 'scope'; readonly line: number; readonly body: Body }
  /** A body that sees the variables of the whole template alone. */
  | { readonly kind: 'block'; readonly line: number; readonly scoped: boolean; readonly body: Body }
  | { readonly kind: 'break' | 'continue'; readonly line: number }
  /** A tag that needs other templates: `include`, `import`, `from`, `extends`. */
  | { readonly kind: 'loads-template'; readonly line: number; readonly tag: string }

export interface For {
  readonly kind: 'for'
  readonly line: number
  readonly target: Target
  readonly items: Expression
  readonly test: Expression | undefined
  readonly recursive: boolean
  readonly body: Body
  readonly otherwise: Body
}

export interface MacroDefinition {
  readonly kind: 'macro'
  readonly line: number
  readonly name: string
  readonly signature: Signature
  readonly body: MacroBody
}

/** Names that a macro gets beyond its parameters, each only if its body reads it. */
export type ExtraName = 'caller' | 'varargs' | 'kwargs'

export interface MacroBody {
  readonly statements: Body
  readonly reads: ReadonlySet<ExtraName>
}
