import { TemplateFailure } from '../failure.js'
import { unitIndex } from './characters.js'
import { fixedText } from './fixed.js'
import { floatText } from './repr.js'

/** Python's format specification: `[[fill]align][sign][#][0][width][,][.precision][type]`. */
export interface FormatSpec {
  readonly fill: string
  readonly align: string | undefined
  readonly sign: string
  readonly alternate: boolean
  readonly width: number
  readonly grouping: string
  readonly precision: number | undefined
  readonly type: string
}

const SPEC = /^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/su

/** @throws TemplateFailure */
export function readSpec(text: string): FormatSpec {
  const found = SPEC.exec(text)
  if (found === null) throw new TemplateFailure(`Invalid format specifier '${text}'`)
  const [, fill, align, sign = '-', alternate, zero, width = '0', grouping = '', precision, type = ''] = found
  return {
    fill: fill ?? (zero === undefined ? ' ' : '0'),
    align: align ?? (zero === undefined ? undefined : '='),
    sign,
    alternate: alternate !== undefined,
    width: Number(width),
    grouping,
    precision: precision === undefined ? undefined : Number(precision),
    type,
  }
}

/** A text, int or float in the form of `spec`. @throws TemplateFailure for a type that does not fit. */
export function formatValue(value: string | bigint | number, spec: FormatSpec): string {
  if (typeof value === 'string') {
    if (spec.type !== '' && spec.type !== 's') throw unknownType(spec.type, 'str')
    const end = spec.precision === undefined ? value.length : unitIndex(value, spec.precision)
    return pad('', value.slice(0, end), spec, '<')
  }
  const isFloat = typeof value === 'number' || /[eEfFgG%]/.test(spec.type)
  const negative = value < 0 || Object.is(value, -0)
  const magnitude = isFloat ? floatDigits(Math.abs(Number(value)), spec) : intDigits(value as bigint, spec)
  const sign = negative ? '-' : spec.sign === '-' ? '' : spec.sign
  return pad(sign, spec.grouping === '' ? magnitude : group(magnitude, spec.grouping), spec, '>')
}

function pad(sign: string, text: string, { fill, align, width }: FormatSpec, usual: string): string {
  // Only a text that may be too short is worth counting.
  const missing = text.length >= width * 2 ? 0 : Math.max(0, width - [...(sign + text)].length)
  switch (align ?? usual) {
    case '<':
      return sign + text + fill.repeat(missing)
    case '=':
      return sign + fill.repeat(missing) + text
    case '^':
      return fill.repeat(Math.floor(missing / 2)) + sign + text + fill.repeat(Math.ceil(missing / 2))
    default:
      return fill.repeat(missing) + sign + text
  }
}

function intDigits(value: bigint, { type, alternate }: FormatSpec): string {
  const magnitude = value < 0n ? -value : value
  const bases: { readonly [type: string]: readonly [number, string] } = {
    b: [2, '0b'],
    o: [8, '0o'],
    x: [16, '0x'],
  }
  if (type === 'c') return String.fromCodePoint(Number(value))
  const [base, prefix] = bases[type.toLowerCase()] ?? [10, '']
  const digits = (alternate ? prefix : '') + magnitude.toString(base)
  if (type === '' || /[dnboxX]/.test(type)) return type === 'X' ? digits.toUpperCase() : digits
  throw unknownType(type, 'int')
}

function floatDigits(value: number, { type, precision, alternate }: FormatSpec): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : 'inf'
  const digits = Math.min(precision ?? 6, 50)
  switch (type) {
    case 'f':
    case 'F':
      return fixedText(value, digits)
    case 'e':
    case 'E': {
      const text = twoDigitExponent(value.toExponential(digits))
      return type === 'E' ? text.toUpperCase() : text
    }
    case '%':
      return `${fixedText(value * 100, digits)}%`
    case '':
      if (precision === undefined) return floatText(value)
      return general(value, digits, true, alternate)
    case 'g':
    case 'G':
    case 'n': {
      const text = general(value, digits, false, alternate)
      return type === 'G' ? text.toUpperCase() : text
    }
  }
  throw unknownType(type, 'float')
}

/** The shorter of both notations with so many digits, without trailing zeros. */
function general(value: number, digits: number, keepsPoint: boolean, keepsZeros: boolean): string {
  const significant = Math.max(1, digits)
  const [mantissa, exponent] = value.toExponential(significant - 1).split('e') as [string, string]
  const power = Number(exponent)
  const stripped = (text: string) => (keepsZeros || !text.includes('.') ? text : text.replace(/\.?0+$/, ''))
  if (power < -4 || power >= significant - (keepsPoint ? 1 : 0)) {
    return twoDigitExponent(`${stripped(mantissa)}e${exponent}`)
  }
  const text = stripped(value.toFixed(Math.max(0, significant - 1 - power)))
  return keepsPoint && !text.includes('.') ? `${text}.0` : text
}

function twoDigitExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, (_all, sign, digit) => `e${sign}0${digit}`)
}

function group(digits: string, separator: string): string {
  const [whole, ...rest] = digits.split(/(?=[.e%])/)
  const groups: string[] = []
  for (let end = whole!.length; end > 0; end -= 3) groups.unshift(whole!.slice(Math.max(0, end - 3), end))
  return groups.join(separator) + rest.join('')
}

function unknownType(type: string, name: string): TemplateFailure {
  return new TemplateFailure(`Unknown format code '${type}' for object of type '${name}'`)
}
