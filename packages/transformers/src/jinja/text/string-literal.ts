const SIMPLE: { readonly [letter: string]: string } = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\x07',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '\n': '',
}

const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|(.))/gs

/** What a quoted string stands for, with the escapes of Python; those that Python does not know stay as written. */
export function readString(quoted: string, fail: (message: string) => never): string {
  return quoted.slice(1, -1).replace(ESCAPE, (all, x, u, long, octal, letter: string) => {
    const hex: string | undefined = x ?? u ?? long
    if (hex !== undefined) return fromCode(Number.parseInt(hex, 16), fail)
    if (octal !== undefined) return fromCode(Number.parseInt(octal, 8), fail)
    if (/[xuUN]/.test(letter)) fail(`"${all}" begins an escape that is not complete`)
    return SIMPLE[letter] ?? all
  })
}

function fromCode(code: number, fail: (message: string) => never): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : fail('a character above U+10FFFF')
}
