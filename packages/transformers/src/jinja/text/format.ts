import type { Budget } from '../budget.js'
import { TemplateFailure } from '../failure.js'
import { Dict, isNumber, Tuple, textOf, typeName, Undefined, type Value } from '../values.js'
import { formatValue, readSpec } from './format-spec.js'
import { repr, str } from './repr.js'

const DIRECTIVE = /%(?:\(([^)]*)\))?([-+ 0#]*)(\*|\d+)?(?:\.(\d+))?[hlL]?(.?)/gs

/** Python's `format % values`: one value, a tuple of them, or a dict for `%(name)s`. */
export function formatPercent(format: string, values: Value, budget: Budget): string {
  const positional = values instanceof Tuple ? values.items : [values]
  let used = 0
  let named = false
  const next = (): Value => {
    if (used >= positional.length) throw new TemplateFailure('not enough arguments for format string')
    return positional[used++]!
  }
  budget.scan(format.length)
  const result = format.replace(
    DIRECTIVE,
    (_all, name: string | undefined, flags: string, width, precision, type) => {
      if (type === '%') return '%'
      if (type === '') throw new TemplateFailure('incomplete format')
      if (name !== undefined) named = true
      const value = name === undefined ? next() : lookUp(values, name)
      return formatDirective(value, { flags, width: Number(width ?? 0), precision, type }, budget)
    },
  )
  budget.text(result.length)
  if (!named && !(values instanceof Dict) && used < positional.length) {
    throw new TemplateFailure('not all arguments converted during string formatting')
  }
  return result
}

function lookUp(values: Value, name: string): Value {
  if (!(values instanceof Dict)) throw new TemplateFailure('format requires a mapping')
  const value = values.get(name)
  if (value === undefined) throw new TemplateFailure(`there is no "${name}" to format`)
  return value
}

interface Directive {
  readonly flags: string
  readonly width: number
  readonly precision: string | undefined
  readonly type: string
}

function formatDirective(value: Value, { flags, width, precision, type }: Directive, budget: Budget): string {
  budget.text(width + Number(precision ?? 0))
  const align = flags.includes('-') ? '<' : '>'
  if (/[sra]/.test(type)) {
    const text = type === 's' ? str(value, budget) : repr(value, budget)
    return formatValue(precision === undefined ? text : text.slice(0, Number(precision)), {
      ...readSpec(''),
      align,
      width,
    })
  }
  if (type === 'c' && textOf(value) !== undefined) return textOf(value)!
  if (!/[diuxXofFeEgGc]/.test(type)) throw new TemplateFailure(`unsupported format character '${type}'`)
  if (value instanceof Undefined) value.fail()
  if (!isNumber(value))
    throw new TemplateFailure(`%${type} format: a real number is required, not ${typeName(value)}`)
  const whole = /[diuxXoc]/.test(type)
  const number = whole ? BigInt(typeof value === 'number' ? Math.trunc(value) : value) : Number(value)
  return formatValue(number, {
    ...readSpec(''),
    align: align === '<' ? '<' : flags.includes('0') ? '=' : '>',
    fill: flags.includes('0') && align === '>' ? '0' : ' ',
    sign: flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '-',
    alternate: flags.includes('#'),
    width,
    precision: whole || precision === undefined ? (whole ? undefined : 6) : Number(precision),
    type: /[iu]/.test(type) ? 'd' : type,
  })
}

const FIELD = /\{\{|\}\}|\{([^{}!:]*)(?:!([rsa]))?(?::((?:[^{}]|\{[^{}]*\})*))?\}|[{}]/g

/** Python's `format.format(…)`; `getPath` resolves what stands behind the name of a field: `.attribute`, `[element]`. */
export function formatBraces(
  format: string,
  positional: readonly Value[],
  keywords: ReadonlyMap<string, Value>,
  getPath: (value: Value, key: string) => Value,
  budget: Budget,
): string {
  let automatic = 0
  const field = (path: string): Value => {
    const [, name = '', rest = ''] = /^([^.[]*)(.*)$/s.exec(path)!
    const key = name === '' ? String(automatic++) : name
    const start = /^\d+$/.test(key) ? positional[Number(key)] : keywords.get(key)
    if (start === undefined) throw new TemplateFailure(`there is no "${key}" to format`)
    return [...rest.matchAll(/\.([^.[]+)|\[([^\]]+)(\]?)/g)].reduce((value, [, attribute, element, end]) => {
      if (end === '') throw new TemplateFailure('a "[" without its "]" in a format string')
      return getPath(value, (attribute ?? element)!)
    }, start)
  }
  budget.scan(format.length)
  const result = format.replace(
    FIELD,
    (all, path: string | undefined, conversion, spec: string | undefined) => {
      if (all === '{{' || all === '}}') return all[0]!
      if (path === undefined) throw new TemplateFailure(`a single "${all}" in a format string`)
      const value = field(path)
      const converted =
        conversion === undefined ? value : conversion === 's' ? str(value, budget) : repr(value, budget)
      const read = readSpec(
        (spec ?? '').replace(/\{([^{}]*)\}/g, (_inner, inner) => str(field(inner), budget)),
      )
      budget.text(read.width + (read.precision ?? 0))
      const plain =
        isNumber(converted) && !(typeof converted === 'boolean' && (spec ?? '') === '')
          ? converted
          : undefined
      return formatValue(
        plain === undefined ? str(converted, budget) : typeof plain === 'boolean' ? BigInt(plain) : plain,
        read,
      )
    },
  )
  budget.text(result.length)
  return result
}
