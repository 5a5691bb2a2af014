import { TemplateFailure } from './failure.js'
import type { Token, TokenKind } from './lexer.js'

/** Parentheses within parentheses, blocks within blocks. Jinja itself ends at about 90 of them. */
const MAX_DEPTH = 100

/** The tokens of a template, read from front to back. Each method throws TemplateFailure of kind "syntax". */
export class TokenStream {
  readonly #tokens: readonly Token[]
  #at = 0
  readonly #read = new Map<string, number>()
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get current(): Token {
    return this.#tokens[this.#at]!
  }

  get following(): Token {
    return this.#tokens[Math.min(this.#at + 1, this.#tokens.length - 1)]!
  }

  next(): Token {
    const token = this.current
    if (token.kind !== 'eof') this.#at++
    return token
  }

  /** How often the expressions so far read a variable. */
  timesRead(name: string): number {
    return this.#read.get(name) ?? 0
  }

  noteRead(name: string): void {
    this.#read.set(name, this.timesRead(name) + 1)
  }

  is(kind: TokenKind, ...values: readonly string[]): boolean {
    const { current } = this
    return current.kind === kind && (values.length === 0 || values.includes(current.value))
  }

  isOperator(...values: readonly string[]): boolean {
    return this.is('operator', ...values)
  }

  skip(kind: TokenKind, value: string): boolean {
    const found = this.is(kind, value)
    if (found) this.next()
    return found
  }

  expect(kind: TokenKind, value?: string): Token {
    const found = value === undefined ? this.is(kind) : this.is(kind, value)
    if (!found) this.fail(`expected ${value === undefined ? kind : `"${value}"`}, found ${this.found()}`)
    return this.next()
  }

  found(): string {
    const { kind, value } = this.current
    return kind === 'eof' ? value : JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  }

  fail(message: string, line = this.current.line): never {
    throw new TemplateFailure(message, 'syntax', line)
  }

  /** Runs what may nest without end. */
  nested<T>(parse: () => T): T {
    this.#depth++
    if (this.#depth > MAX_DEPTH) this.fail(`more than ${MAX_DEPTH} levels of nesting`)
    const result = parse()
    this.#depth--
    return result
  }
}
