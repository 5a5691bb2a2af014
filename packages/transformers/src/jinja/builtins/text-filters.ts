import type { Budget } from '../budget.js'
import { sizeOf } from '../containers.js'
import { TemplateFailure } from '../failure.js'
import { sliceCharacters } from '../text/characters.js'
import { formatPercent } from '../text/format.js'
import { escapeHtml } from '../text/html.js'
import { toJson } from '../text/json.js'
import { capitalize } from '../text/letter-case.js'
import { repr, str } from '../text/repr.js'
import { splitLines, splitWhiteSpace, withoutLineEnd } from '../text/white-space.js'
import { Dict, isList, isTrue, Markup, Tuple, textOf, typeName, Undefined, type Value } from '../values.js'
import {
  type Builtin,
  define,
  given,
  type Runtime,
  textArgument,
  trueArgument,
  wholeArgument,
} from './builtin.js'
import { replaceTexts, strip, TEXT_METHODS } from './text-methods.js'

/** A filter that first turns its subject into text, as those of Jinja do. */
function textFilter(
  parameters: string,
  run: (text: string, args: readonly (Value | undefined)[], budget: Budget) => Value,
): Builtin {
  return define(parameters, (value, args, { budget }) => run(str(value, budget), args, budget))
}

const usually = define('default_value? boolean?', (value, [usual, boolean]) =>
  value instanceof Undefined || (trueArgument(boolean) && !isTrue(value))
    ? usual === undefined
      ? ''
      : usual
    : value,
)
const escaped = define('', (value, _args, { budget }) =>
  value instanceof Markup ? value : new Markup(escapeHtml(str(value, budget))),
)

/** Filters that give or take text. */
export const TEXT_FILTERS: { readonly [name: string]: Builtin } = {
  capitalize: textFilter('', capitalize),
  center: (runtime, value, args) => {
    const { positional, keywords } = args
    const width = positional[0] ?? keywords.get('width') ?? 80n
    return TEXT_METHODS.center!(runtime, str(value, runtime.budget), {
      positional: [width],
      keywords: new Map(),
    })
  },
  d: usually,
  default: usually,
  e: escaped,
  escape: escaped,
  forceescape: define('', (value, _args, { budget }) => new Markup(escapeHtml(str(value, budget)))),
  format: (runtime, value, { positional, keywords }) => {
    if (positional.length > 0 && keywords.size > 0) {
      throw new TemplateFailure("can't handle positional and keyword arguments at the same time")
    }
    const values = keywords.size > 0 ? new Dict(keywords) : new Tuple(positional)
    return formatPercent(str(value, runtime.budget), values, runtime.budget)
  },
  indent: define('width? first? blank?', (value, [width, first, blank], { budget }) => {
    const indentation = textOf(width ?? null) ?? ' '.repeat(checkedWidth(wholeArgument(width, 4), budget))
    return indent(textArgument(value), indentation, trueArgument(first), trueArgument(blank), budget)
  }),
  lower: textFilter('', (text) => text.toLowerCase()),
  replace: define('old new count?', (value, [old, replacement, count], { budget }) =>
    replaceTexts(
      str(value, budget),
      str(old!, budget),
      str(replacement!, budget),
      wholeArgument(given(count), -1),
      budget,
    ),
  ),
  safe: define('', (value, _args, { budget }) => new Markup(str(value, budget))),
  string: define('', (value, _args, { budget }) => (value instanceof Markup ? value : str(value, budget))),
  striptags: textFilter('', (text) => stripTags(text)),
  title: textFilter('', (text, _args, budget) => {
    budget.step(text.length)
    return text
      .split(/([-\s({[<]+)/)
      .map((part) => capitalizeWhole(part))
      .join('')
  }),
  tojson: define('ensure_ascii? indent? separators? sort_keys?', tojson),
  trim: textFilter('chars?', (text, [chars], budget) => strip(text, chars, 'both', budget)),
  truncate: define('length? killwords? end? leeway?', (value, args, { budget }) =>
    truncate(textArgument(value), args, budget),
  ),
  upper: textFilter('', (text) => text.toUpperCase()),
  urlencode: define('', (value, _args, { budget }) => urlEncode(value, budget)),
  wordcount: textFilter('', (text) => BigInt(text.match(/[\p{L}\p{N}\p{M}_]+/gu)?.length ?? 0)),
  xmlattr: define('autospace?', (value, [autospace], { budget }) => {
    if (!(value instanceof Dict)) throw new TemplateFailure(`'${typeName(value)}' object has no items`)
    const attributes = [...value.entries()]
      .filter(([, item]) => item !== null && !(item instanceof Undefined))
      .map(([key, item]) =>
        attribute(
          textArgument(key),
          item instanceof Markup ? item.text : escapeHtml(str(item, budget)),
          budget,
        ),
      )
      .join(' ')
    return attributes !== '' && (autospace === undefined || isTrue(autospace)) ? ` ${attributes}` : attributes
  }),
}

function attribute(name: string, value: string, budget: Budget): string {
  if (/[\s/>=]/.test(name))
    throw new TemplateFailure(`Invalid character in attribute name: ${repr(name, budget)}`)
  budget.text(name.length + value.length)
  return `${escapeHtml(name)}="${value}"`
}

function checkedWidth(width: number, budget: Budget): number {
  budget.text(Math.max(0, width))
  return Math.max(0, width)
}

function indent(text: string, indentation: string, first: boolean, blank: boolean, budget: Budget): string {
  const lines = splitLines(`${text}\n`).map(withoutLineEnd)
  budget.text(text.length + lines.length * (indentation.length + 1))
  const rest = lines.slice(1).map((line) => (blank || line !== '' ? indentation + line : line))
  return (first ? indentation : '') + [lines[0]!, ...rest].join('\n')
}

function capitalizeWhole(part: string): string {
  const [first = ''] = part
  return first.toUpperCase() + part.slice(first.length).toLowerCase()
}

/** Markup without comments and tags, with single spaces. */
function stripTags(text: string): string {
  let rest = text
  for (const [open, close] of [
    ['<!--', '-->'],
    ['<', '>'],
  ] as const) {
    const parts: string[] = []
    let at = 0
    for (;;) {
      const start = rest.indexOf(open, at)
      const end = start < 0 ? -1 : rest.indexOf(close, start)
      if (end < 0) break
      parts.push(rest.slice(at, start))
      at = end + close.length
    }
    rest = parts.join('') + rest.slice(at)
  }
  const entities: { readonly [name: string]: string } = {
    lt: '<',
    gt: '>',
    amp: '&',
    quot: '"',
    '#34': '"',
    '#39': "'",
  }
  return splitWhiteSpace(rest, Number.POSITIVE_INFINITY)
    .join(' ')
    .replace(/&(lt|gt|amp|quot|#34|#39);/g, (_all, name) => entities[name]!)
}

function tojson(
  value: Value,
  [ascii, indentation, separators, sorts]: readonly (Value | undefined)[],
  { budget }: Runtime,
): Value {
  const chosen = given(indentation)
  const width =
    chosen === undefined
      ? undefined
      : (textOf(chosen) ?? ' '.repeat(checkedWidth(wholeArgument(chosen, 0), budget)))
  const pair = given(separators)
  const [between, afterKey] =
    pair === undefined ? [width === undefined ? ', ' : ',', ': '] : separatorPair(pair)
  return toJson(
    value,
    { ascii: trueArgument(ascii), indent: width, between, afterKey, sorted: trueArgument(sorts) },
    budget,
  )
}

function separatorPair(pair: Value): readonly [string, string] {
  const items = pair instanceof Tuple ? pair.items : isList(pair) ? pair : []
  if (items.length !== 2) throw new TemplateFailure('separators of tojson are two texts')
  return [textArgument(items[0]), textArgument(items[1])]
}

function truncate(
  text: string,
  [length, kills, end, leeway]: readonly (Value | undefined)[],
  budget: Budget,
): string {
  const most = wholeArgument(length, 255)
  const ending = end === undefined ? '...' : textArgument(end)
  const kept = most - sizeOf(ending, budget)!
  const tolerance = wholeArgument(given(leeway), 5)
  if (kept < 0) throw new TemplateFailure(`expected length >= ${sizeOf(ending, budget)}, got ${most}`)
  if (tolerance < 0) throw new TemplateFailure(`expected leeway >= 0, got ${tolerance}`)
  if (sizeOf(text, budget)! <= most + tolerance) return text
  const beginning = sliceCharacters(text, 0, kept, budget)
  if (trueArgument(kills)) return beginning + ending
  const space = beginning.lastIndexOf(' ')
  return (space < 0 ? beginning : beginning.slice(0, space)) + ending
}

/** A text for a URL, or the pairs of a query. */
function urlEncode(value: Value, budget: Budget): string {
  const quoted = (part: Value, keepsSlash: boolean) => {
    const encoded = encodeURIComponent(str(part, budget)).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    )
    budget.text(encoded.length)
    return keepsSlash ? encoded.replaceAll('%2F', '/') : encoded.replaceAll('%20', '+')
  }
  if (textOf(value) !== undefined || !(value instanceof Dict || isList(value))) return quoted(value, true)
  const pairs = value instanceof Dict ? [...value.entries()] : value.map(pairOf)
  budget.step(pairs.length)
  return pairs.map(([key, item]) => `${quoted(key, false)}=${quoted(item, false)}`).join('&')
}

function pairOf(value: Value): readonly [Value, Value] {
  const items = value instanceof Tuple ? value.items : isList(value) ? value : []
  if (items.length !== 2) throw new TemplateFailure('urlencode takes pairs')
  return [items[0]!, items[1]!]
}
