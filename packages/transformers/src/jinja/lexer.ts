import { TemplateFailure } from './failure.js'
import { readString } from './text/string-literal.js'
import { isWhiteSpace, trim } from './text/white-space.js'

export type TokenKind = 'data' | 'begin' | 'end' | 'name' | 'string' | 'int' | 'float' | 'operator' | 'eof'

/** `begin` and `end` are the delimiters of tags: `{{`, `{%`, `}}`, `%}`, whatever white space they take. */
export interface Token {
  readonly kind: TokenKind
  readonly value: string
  readonly line: number
}

const PIECES: readonly (readonly [TokenKind, RegExp])[] = [
  ['float', /(?<!\.)\d+(_\d+)*(\.\d+(_\d+)*)?e[+-]?\d+(_\d+)*|(?<!\.)\d+(_\d+)*\.\d+(_\d+)*/iy],
  ['int', /0b(_?[01])+|0o(_?[0-7])+|0x(_?[\da-f])+|[1-9](_?\d)*|0(_?0)*/iy],
  ['name', /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy],
  ['string', /'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"/sy],
  ['operator', /\/\/|\*\*|[=!<>]=|[-+/*%~[\](){}<>=.:|,;]/y],
]
const NEW_LINE = 10
const CLOSING: { readonly [open: string]: string } = { '(': ')', '[': ']', '{': '}' }

/**
 * Splits a template into text and tags with `trim_blocks` and `lstrip_blocks`: the line end after a block goes, and the
 * white space before it when nothing else stands there. Line ends of all systems become "\n", and one at the end of the
 * template goes. The time is linear in the length.
 *
 * @throws TemplateFailure of kind "syntax"
 */
export function tokenize(template: string): Token[] {
  const source = template.replace(/\r\n?/g, '\n').replace(/\n$/, '')
  const tokens: Token[] = []
  let position = 0
  let line = 1
  /** Nothing but white space has stood on this line so far, though tags may have. */
  let lineStarts = true

  /** Moves on, and counts lines. */
  function advance(to: number): void {
    for (let at = position; at < to; at++) if (source.charCodeAt(at) === NEW_LINE) line++
    position = to
  }

  function fail(message: string): never {
    throw new TemplateFailure(message, 'syntax', line)
  }

  function pushData(text: string): void {
    if (text !== '') tokens.push({ kind: 'data', value: text, line })
  }

  /** Behind the end of a block or comment: what a "-" or `trim_blocks` takes. */
  function afterTag(sign: string, at: number, trims: boolean): number {
    if (sign === '-') {
      while (at < source.length && isWhiteSpace(source.charCodeAt(at))) at++
      return at
    }
    return trims && sign === '' && source[at] === '\n' ? at + 1 : at
  }

  function finishTag(to: number): void {
    lineStarts = source[to - 1] === '\n'
    advance(to)
  }

  function skipComment(start: number): void {
    const end = source.indexOf('#}', start)
    if (end < 0) fail('a comment is not closed, expected "#}"')
    const sign = /[-+]/.exec(source[end - 1]!)?.[0] ?? ''
    finishTag(afterTag(end > start ? sign : '', end + 2, true))
  }

  function readRaw(start: number, trimsStart: boolean): void {
    const closing = /\{%([-+]?)\s*endraw\s*([-+]?)%\}/g
    closing.lastIndex = start
    const end = closing.exec(source)
    if (end === null) fail('a raw block is not closed, expected "{% endraw %}"')
    let text = source.slice(start, end.index)
    if (trimsStart) text = text.replace(/^\s+/, '')
    if (end[1] === '-') text = trim(text, 'end')
    else if (end[1] === '') text = withoutIndent(text, false)
    pushData(text)
    finishTag(afterTag(end[2]!, closing.lastIndex, true))
  }

  function readTag(closing: '}}' | '%}'): void {
    const open: string[] = []
    for (;;) {
      let at = position
      while (at < source.length && isWhiteSpace(source.charCodeAt(at))) at++
      advance(at)
      if (at >= source.length) fail(`a tag is not closed, expected "${closing}"`)
      const sign = source[at] === '-' || (closing === '%}' && source[at] === '+') ? source[at]! : ''
      if (open.length === 0 && source.startsWith(closing, at + sign.length)) {
        tokens.push({ kind: 'end', value: closing, line })
        const end = at + sign.length + 2
        finishTag(afterTag(sign, end, closing === '%}'))
        return
      }
      const [kind, value] = readPiece(at)
      if (value in CLOSING) open.push(CLOSING[value]!)
      else if (/^[)\]}]$/.test(value) && open.pop() !== value) fail(`unexpected "${value}"`)
      tokens.push({ kind, value: kind === 'string' ? readString(value, fail) : value, line })
      advance(at + value.length)
    }
  }

  function readPiece(at: number): readonly [TokenKind, string] {
    for (const [kind, pattern] of PIECES) {
      pattern.lastIndex = at
      const found = pattern.exec(source)?.[0]
      if (found !== undefined) return [kind, found]
    }
    return fail(`unexpected character ${JSON.stringify(String.fromCodePoint(source.codePointAt(at)!))}`)
  }

  while (position < source.length) {
    const start = findTag(source, position)
    if (start < 0) {
      pushData(source.slice(position))
      break
    }
    const kind = source[start + 1] as '{' | '%' | '#'
    const sign = /[-+]/.exec(source[start + 2] ?? '')?.[0] ?? ''
    let text = source.slice(position, start)
    if (sign === '-') text = trim(text, 'end')
    else if (sign === '' && kind !== '{') text = withoutIndent(text, lineStarts)
    pushData(text)
    advance(start + 2 + sign.length)
    if (kind === '#') skipComment(position)
    else {
      const raw = kind === '%' ? rawTag(source, position) : undefined
      if (raw !== undefined) {
        advance(raw.end)
        readRaw(position, raw.trims)
      } else {
        tokens.push({ kind: 'begin', value: `{${kind}`, line })
        readTag(kind === '{' ? '}}' : '%}')
      }
    }
  }
  tokens.push({ kind: 'eof', value: 'the end of the template', line })
  return tokens
}

/** The next `{{`, `{%` or `{#`, or -1. */
function findTag(source: string, from: number): number {
  for (let at = source.indexOf('{', from); at >= 0; at = source.indexOf('{', at + 1)) {
    const next = source[at + 1]
    if (next === '{' || next === '%' || next === '#') return at
  }
  return -1
}

/** A text without the white space behind its last line end, if there is nothing else. */
function withoutIndent(text: string, lineStarts: boolean): string {
  const last = text.lastIndexOf('\n') + 1
  if (last === 0 && !lineStarts) return text
  for (let at = last; at < text.length; at++) if (!isWhiteSpace(text.charCodeAt(at))) return text
  return text.slice(0, last)
}

/** Whether the tag that begins here is `raw`, and where its text begins. */
function rawTag(source: string, from: number): { readonly end: number; readonly trims: boolean } | undefined {
  const pattern = /\s*raw\s*(-?)%\}/y
  pattern.lastIndex = from
  const found = pattern.exec(source)
  return found === null ? undefined : { end: pattern.lastIndex, trims: found[1] === '-' }
}
