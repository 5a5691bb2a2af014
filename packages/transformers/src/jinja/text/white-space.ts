/** What Python's `str.isspace` holds for white space, which differs from JavaScript's `\s`. */
export function isWhiteSpace(code: number): boolean {
  if (code <= 0x20) return (code >= 0x09 && code <= 0x0d) || code >= 0x1c
  if (code < 0x85) return false
  if (code === 0x85 || code === 0xa0 || code === 0x1680) return true
  if (code < 0x2000) return false
  return (
    code <= 0x200a ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  )
}

function trimStart(text: string, drops: (code: number) => boolean): string {
  let start = 0
  while (start < text.length) {
    const code = text.codePointAt(start)!
    if (!drops(code)) break
    start += code > 0xffff ? 2 : 1
  }
  return text.slice(start)
}

function trimEnd(text: string, drops: (code: number) => boolean): string {
  let end = text.length
  while (end > 0) {
    const low = text.charCodeAt(end - 1)
    const pair = low >= 0xdc00 && low <= 0xdfff && end > 1 ? text.codePointAt(end - 2)! : low
    const code = pair > 0xffff ? pair : low
    if (!drops(code)) break
    end -= code > 0xffff ? 2 : 1
  }
  return text.slice(0, end)
}

/** Without white space, or other characters, at its ends. */
export function trim(
  text: string,
  where: 'start' | 'end' | 'both' = 'both',
  drops: (code: number) => boolean = isWhiteSpace,
): string {
  const front = where === 'end' ? text : trimStart(text, drops)
  return where === 'start' ? front : trimEnd(front, drops)
}

/** Words between runs of white space, at most `limit` cuts from the left; the rest stays whole. */
export function splitWhiteSpace(text: string, limit: number): string[] {
  const words: string[] = []
  let at = 0
  for (;;) {
    while (at < text.length && isWhiteSpace(text.charCodeAt(at))) at++
    if (at >= text.length) return words
    if (words.length === limit) return [...words, text.slice(at)]
    const start = at
    while (at < text.length && !isWhiteSpace(text.charCodeAt(at))) at++
    words.push(text.slice(start, at))
  }
}

/** As `splitWhiteSpace`, with cuts from the right. */
export function splitWhiteSpaceFromRight(text: string, limit: number): string[] {
  const words: string[] = []
  let at = text.length
  for (;;) {
    while (at > 0 && isWhiteSpace(text.charCodeAt(at - 1))) at--
    if (at === 0) return words.reverse()
    if (words.length === limit) return [...words, text.slice(0, at)].reverse()
    const end = at
    while (at > 0 && !isWhiteSpace(text.charCodeAt(at - 1))) at--
    words.push(text.slice(at, end))
  }
}

/** What ends a line for Python: more than "\\n", less than all white space. */
const LINE_END = '\\r\\n|[\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029]'
const LINES = new RegExp(`.*?(?:${LINE_END})|.+$`, 'gs')
const LAST_LINE_END = new RegExp(`(?:${LINE_END})$`)

/** Every line with its end, as Python's `str.splitlines(True)`. */
export function splitLines(text: string): string[] {
  return text.match(LINES) ?? []
}

/** A line of `splitLines` without its end. */
export function withoutLineEnd(line: string): string {
  return line.replace(LAST_LINE_END, '')
}
