import type { Budget } from '../budget.js'
import { iterate } from '../containers.js'
import { TemplateFailure } from '../failure.js'
import { characterIndex, characters, countCharacters, sliceCharacters } from '../text/characters.js'
import { formatBraces } from '../text/format.js'
import { capitalize, isLower, isUpper, titleCase } from '../text/letter-case.js'
import {
  isWhiteSpace,
  splitLines,
  splitWhiteSpace,
  splitWhiteSpaceFromRight,
  trim,
  withoutLineEnd,
} from '../text/white-space.js'
import { isWhole, Tuple, textOf, typeName, type Value } from '../values.js'
import { type Builtin, define, given, textArgument, trueArgument, wholeArgument } from './builtin.js'

type TextMethod = Builtin<string>

/** The methods of Python's str. */
export const TEXT_METHODS: { readonly [name: string]: TextMethod } = {
  capitalize: define('', (text: string) => capitalize(text)),
  casefold: define('', (text: string) => text.toLowerCase().replaceAll('ß', 'ss')),
  center: define('width fillchar?', (text: string, [width, fill], { budget }) => {
    const missing = paddingOf(text, width, budget)
    const left = Math.floor(missing / 2) + (missing & wholeArgument(width, 0) & 1)
    return fillOf(fill, budget).repeat(left) + text + fillOf(fill, budget).repeat(missing - left)
  }),
  count: define('sub start? end?', (text: string, [sub, start, end], { budget }) => {
    const [part] = range(text, start, end, budget)
    return BigInt(countOf(part, textArgument(sub), budget))
  }),
  endswith: define('suffix start? end?', (text: string, [suffix, start, end], { budget }) => {
    const [part] = range(text, start, end, budget)
    return anyOf(suffix, (ending) => part.endsWith(ending), budget)
  }),
  expandtabs: define('tabsize?', (text: string, [size], { budget }) =>
    expandTabs(text, wholeArgument(size, 8), budget),
  ),
  find: define('sub start? end?', (text: string, [sub, start, end], { budget }) => {
    const [part, offset] = range(text, start, end, budget)
    return position(part, offset, part.indexOf(wanted(sub, part, budget)))
  }),
  format: (runtime, text, { positional, keywords }) =>
    formatBraces(text, positional, keywords, formatPath(runtime.getItem), runtime.budget),
  index: define('sub start? end?', (text: string, [sub, start, end], { budget }) => {
    const [part, offset] = range(text, start, end, budget)
    return found(position(part, offset, part.indexOf(wanted(sub, part, budget))))
  }),
  isalnum: define('', (text: string) => /^[\p{L}\p{N}]+$/u.test(text)),
  isalpha: define('', (text: string) => /^\p{L}+$/u.test(text)),
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII includes them.
  isascii: define('', (text: string) => /^[\x00-\x7f]*$/.test(text)),
  isdecimal: define('', (text: string) => /^\p{Nd}+$/u.test(text)),
  isdigit: define('', (text: string) => /^[\p{Nd}²³¹⁰-⁹₀-₉①-⑨]+$/u.test(text)),
  isidentifier: define('', (text: string) => /^[\p{ID_Start}_]\p{ID_Continue}*$/u.test(text)),
  islower: define('', (text: string) => isLower(text)),
  isnumeric: define('', (text: string) => /^\p{N}+$/u.test(text)),
  isprintable: define('', (text: string) => !/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(text)),
  isspace: define('', (text: string) => text !== '' && trim(text) === ''),
  istitle: define('', (text: string) => /\p{L}/u.test(text) && text === titleCase(text)),
  isupper: define('', (text: string) => isUpper(text)),
  join: define('iterable', (text: string, [items], { budget }) => {
    const parts: string[] = []
    for (const item of iterate(items!, budget)) {
      if (textOf(item) === undefined) {
        throw new TemplateFailure(
          `sequence item ${parts.length}: expected str instance, ${typeName(item)} found`,
        )
      }
      parts.push(textOf(item)!)
    }
    return joinTexts(parts, text, budget)
  }),
  ljust: define('width fillchar?', (text: string, [width, fill], { budget }) => {
    return text + fillOf(fill, budget).repeat(paddingOf(text, width, budget))
  }),
  lower: define('', (text: string) => text.toLowerCase()),
  lstrip: define('chars?', (text: string, [drops], { budget }) => strip(text, drops, 'start', budget)),
  partition: define('sep', (text: string, [sep], { budget }) => {
    const between = separator(sep, text, budget)
    const at = text.indexOf(between)
    if (at < 0) return new Tuple([text, '', ''])
    return new Tuple([text.slice(0, at), between, text.slice(at + between.length)])
  }),
  removeprefix: define('prefix', (text: string, [prefix]) =>
    text.startsWith(textArgument(prefix)) ? text.slice(textArgument(prefix).length) : text,
  ),
  removesuffix: define('suffix', (text: string, [suffix]) => {
    const ending = textArgument(suffix)
    return ending !== '' && text.endsWith(ending) ? text.slice(0, -ending.length) : text
  }),
  replace: define('old new count?', (text: string, [old, replacement, count], { budget }) => {
    return replaceTexts(text, textArgument(old), textArgument(replacement), wholeArgument(count, -1), budget)
  }),
  rfind: define('sub start? end?', (text: string, [sub, start, end], { budget }) => {
    const [part, offset] = range(text, start, end, budget)
    return position(part, offset, part.lastIndexOf(wanted(sub, part, budget)))
  }),
  rindex: define('sub start? end?', (text: string, [sub, start, end], { budget }) => {
    const [part, offset] = range(text, start, end, budget)
    return found(position(part, offset, part.lastIndexOf(wanted(sub, part, budget))))
  }),
  rjust: define('width fillchar?', (text: string, [width, fill], { budget }) => {
    return fillOf(fill, budget).repeat(paddingOf(text, width, budget)) + text
  }),
  rpartition: define('sep', (text: string, [sep], { budget }) => {
    const between = separator(sep, text, budget)
    const at = text.lastIndexOf(between)
    if (at < 0) return new Tuple(['', '', text])
    return new Tuple([text.slice(0, at), between, text.slice(at + between.length)])
  }),
  rsplit: define('sep? maxsplit?', (text: string, [sep, limit], { budget }) => {
    const most = limitOf(limit)
    if (given(sep) === undefined) return counted(splitWhiteSpaceFromRight(text, most), budget)
    const parts = counted(text.split(separator(sep, text, budget)), budget)
    if (parts.length - 1 <= most) return parts
    const kept = parts.length - most
    return [parts.slice(0, kept).join(textArgument(sep)), ...parts.slice(kept)]
  }),
  rstrip: define('chars?', (text: string, [drops], { budget }) => strip(text, drops, 'end', budget)),
  split: define('sep? maxsplit?', (text: string, [sep, limit], { budget }) => {
    const most = limitOf(limit)
    if (given(sep) === undefined) return counted(splitWhiteSpace(text, most), budget)
    const parts = counted(text.split(separator(sep, text, budget)), budget)
    if (parts.length - 1 <= most) return parts
    return [...parts.slice(0, most), parts.slice(most).join(textArgument(sep))]
  }),
  splitlines: define('keepends?', (text: string, [keeps], { budget }) => {
    const lines = counted(splitLines(text), budget)
    return trueArgument(keeps) ? lines : lines.map(withoutLineEnd)
  }),
  startswith: define('prefix start? end?', (text: string, [prefix, start, end], { budget }) => {
    const [part] = range(text, start, end, budget)
    return anyOf(prefix, (beginning) => part.startsWith(beginning), budget)
  }),
  strip: define('chars?', (text: string, [drops], { budget }) => strip(text, drops, 'both', budget)),
  swapcase: define('', (text: string) =>
    text.replace(/./gsu, (character) =>
      character === character.toUpperCase() ? character.toLowerCase() : character.toUpperCase(),
    ),
  ),
  title: define('', (text: string) => titleCase(text)),
  upper: define('', (text: string) => text.toUpperCase()),
  zfill: define('width', (text: string, [width], { budget }) => {
    const sign = /^[-+]/.exec(text)?.[0] ?? ''
    return sign + '0'.repeat(paddingOf(text, width, budget)) + text.slice(sign.length)
  }),
}

/** Without white space, or without the given characters, at its ends. */
export function strip(
  text: string,
  drops: Value | undefined,
  where: 'start' | 'end' | 'both',
  budget: Budget,
): string {
  const chosen = given(drops)
  const codes =
    chosen === undefined ? undefined : new Set(characters(textArgument(chosen), budget).map(codeOf))
  const isDropped = codes === undefined ? isWhiteSpace : (code: number) => codes.has(code)
  return trim(text, where, isDropped)
}

function codeOf(character: string): number {
  return character.codePointAt(0)!
}

/** Texts with another between them. */
function joinTexts(parts: readonly string[], between: string, budget: Budget): string {
  budget.text(parts.reduce((sum, part) => sum + part.length + between.length, 0))
  return parts.join(between)
}

/** Python's `text.replace(old, new, count)`; an empty `old` stands between all characters. */
export function replaceTexts(text: string, old: string, by: string, count: number, budget: Budget): string {
  budget.search(text, old)
  const pieces = old === '' ? ['', ...characters(text, budget), ''] : text.split(old)
  budget.step(pieces.length)
  const most = count < 0 ? pieces.length - 1 : Math.min(count, pieces.length - 1)
  budget.text(text.length + most * Math.max(0, by.length - old.length))
  return (
    pieces.slice(0, most + 1).join(by) +
    (most < pieces.length - 1 ? old : '') +
    pieces.slice(most + 1).join(old)
  )
}

function expandTabs(text: string, size: number, budget: Budget): string {
  let column = 0
  const tabs = countOf(text, '\t', budget)
  budget.text(tabs === 0 ? text.length : text.length + tabs * Math.max(0, size))
  return text.replace(/[^\t\n\r]+|[\t\n\r]/g, (part) => {
    if (part !== '\t') {
      column = part === '\n' || part === '\r' ? 0 : column + part.length
      return part
    }
    const missing = size > 0 ? size - (column % size) : 0
    column += missing
    return ' '.repeat(missing)
  })
}

/** The part of a text from `start` to `end`, which count characters, and where it begins. */
function range(
  text: string,
  start: Value | undefined,
  end: Value | undefined,
  budget: Budget,
): readonly [part: string, offset: number] {
  budget.scan(text.length)
  if (given(start) === undefined && given(end) === undefined) return [text, 0]
  const length = countCharacters(text, budget)
  const clamp = (index: number) => Math.min(length, index < 0 ? Math.max(0, index + length) : index)
  const from = clamp(wholeArgument(given(start), 0))
  return [sliceCharacters(text, from, Math.max(from, clamp(wholeArgument(given(end), length))), budget), from]
}

function position(part: string, offset: number, unit: number): bigint {
  return BigInt(unit < 0 ? -1 : offset + characterIndex(part, unit))
}

function found(at: bigint): bigint {
  if (at < 0n) throw new TemplateFailure('substring not found')
  return at
}

function anyOf(choices: Value | undefined, holds: (choice: string) => boolean, budget: Budget): boolean {
  return (choices instanceof Tuple ? choices.items : [choices]).some((choice) => {
    const text = textArgument(choice)
    budget.scan(text.length)
    return holds(text)
  })
}

function countOf(text: string, part: string, budget: Budget): number {
  if (part === '') return countCharacters(text, budget) + 1
  budget.search(text, part)
  let count = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++
  return count
}

/** What is looked for in a text. */
function wanted(value: Value | undefined, text: string, budget: Budget): string {
  const part = textArgument(value)
  budget.search(text, part)
  return part
}

function separator(value: Value | undefined, text: string, budget: Budget): string {
  const part = wanted(value, text, budget)
  if (part === '') throw new TemplateFailure('empty separator')
  return part
}

function limitOf(value: Value | undefined): number {
  const limit = wholeArgument(value, -1)
  return limit < 0 ? Number.POSITIVE_INFINITY : limit
}

function counted<T>(parts: T[], budget: Budget): T[] {
  budget.step(parts.length)
  return parts
}

/** How many characters are missing to a width that is about to be filled. */
function paddingOf(text: string, width: Value | undefined, budget: Budget): number {
  if (!isWhole(width ?? null)) wholeArgument(width, 0)
  const missing = Math.max(0, Number(width) - countCharacters(text, budget))
  budget.text(text.length + missing)
  return missing
}

function fillOf(value: Value | undefined, budget: Budget): string {
  const fill = value === undefined ? ' ' : textArgument(value)
  if (countCharacters(fill, budget) !== 1)
    throw new TemplateFailure('the fill character must be exactly one character long')
  return fill
}

/** Fields of a format name elements by number or by text. */
function formatPath(getItem: (value: Value, key: Value) => Value): (value: Value, key: string) => Value {
  return (value, key) => getItem(value, /^\d+$/.test(key) ? BigInt(key) : key)
}
