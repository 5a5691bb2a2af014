/** Longer texts of a file are cut where they are quoted. */
const MAX_QUOTED_CHARACTERS = 200

/** Longer messages than this say nothing more. */
const MAX_PRINTED_CHARACTERS = 4000

/**
 * What a terminal or the reader of a log would not show as a character: controls, C1 controls included; separators of
 * lines; what turns the direction of writing, joins or hides; and halves of surrogate pairs.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/**
 * A text that may hold names from files, fit for one line of a terminal or a log: what is no visible character is written
 * as an escape of JSON, and the middle of a text without end is left out.
 */
export function printable(text: string): string {
  return escapeUnprintable(shorten(text, MAX_PRINTED_CHARACTERS))
}

/** The same text with what is no visible character as an escape of JSON; inside of a JSON text it stays the same JSON. */
export const escapeUnprintable = (text: string): string => text.replace(UNPRINTABLE, escaped)

/** A value from a file as JSON, escaped and cut, fit for a message. */
export function quote(value: unknown): string {
  const text = typeof value === 'string' ? value.slice(0, MAX_QUOTED_CHARACTERS) : value
  const json = escapeUnprintable(jsonOf(text))
  const whole = typeof value !== 'string' || value.length <= MAX_QUOTED_CHARACTERS
  return whole && json.length <= 6 * MAX_QUOTED_CHARACTERS
    ? json
    : `${json.slice(0, 6 * MAX_QUOTED_CHARACTERS)}…`
}

/** A name from a file: as it is when it looks like one, quoted otherwise. */
export const quoteName = (name: string): string => (/^[\w./:-]{1,200}$/.test(name) ? name : quote(name))

/** JSON where there is such a form, and 5n for a BigInt. */
function jsonOf(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  try {
    const text = JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner))
    return text ?? String(value)
  } catch {
    return `a value that JSON cannot hold (${typeof value})`
  }
}

function shorten(text: string, length: number): string {
  if (text.length <= length) return text
  const part = Math.floor(length / 2)
  return `${text.slice(0, part)} … ${text.length - 2 * part} characters … ${text.slice(-part)}`
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Characters beyond the first plane are two units, as in JSON. */
const escaped = (character: string): string =>
  SHORT[character] ??
  Array.from({ length: character.length }, (_, unit) => {
    const code = character.charCodeAt(unit).toString(16).padStart(4, '0')
    return `\\u${code}`
  }).join('')
