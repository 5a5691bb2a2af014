import { TemplateFailure } from '../failure.js'
import { binary } from '../operators.js'
import { fixedText } from '../text/fixed.js'
import { formatValue, readSpec } from '../text/format-spec.js'
import { isNumber, isWhole, textOf, typeName, Undefined, type Value } from '../values.js'
import { type Builtin, define, textArgument, trueArgument, wholeArgument } from './builtin.js'

/** Filters that give or take numbers. */
export const NUMBER_FILTERS: { readonly [name: string]: Builtin } = {
  abs: define('', (value) => {
    if (value instanceof Undefined) value.fail()
    if (!isNumber(value)) throw new TemplateFailure(`bad operand type for abs(): '${typeName(value)}'`)
    const number = typeof value === 'boolean' ? BigInt(value) : value
    return number < 0 ? -number : number
  }),
  filesizeformat: define('binary?', (value, [binaryPrefixes]) =>
    fileSize(toFloat(value), trueArgument(binaryPrefixes)),
  ),
  float: define('default?', (value, [usual]) => {
    if (value instanceof Undefined) value.fail()
    return floatOf(value) ?? (usual === undefined ? 0 : usual)
  }),
  int: define('default? base?', (value, [usual, base]) => {
    if (value instanceof Undefined) value.fail()
    return intOf(value, wholeArgument(base, 10)) ?? (usual === undefined ? 0n : usual)
  }),
  round: define('precision? method?', (value, [precision, method], { budget }) => {
    const way = method === undefined ? 'common' : textArgument(method)
    const digits = wholeArgument(precision, 0)
    if (!['common', 'ceil', 'floor'].includes(way)) {
      throw new TemplateFailure('method must be common, ceil or floor')
    }
    if (value instanceof Undefined) value.fail()
    if (!isNumber(value)) throw new TemplateFailure(`type ${typeName(value)} cannot be rounded`)
    if (way === 'common')
      return isWhole(value) ? roundWhole(BigInt(value), digits) : roundFloat(value, digits)
    const power = binary('**', 10n, BigInt(digits), budget)
    const scaled = Number(binary('*', value, power, budget))
    return binary('/', BigInt(way === 'ceil' ? Math.ceil(scaled) : Math.floor(scaled)), power, budget)
  }),
}

function toFloat(value: Value): number {
  if (value instanceof Undefined) value.fail()
  const number = floatOf(value)
  if (number === undefined) throw new TemplateFailure('could not convert to a float')
  return number
}

/** Digits follow each other on one way only: with two, a text of digits that is no number is read again from each of them. */
const FLOAT_TEXT = /^[-+]?(\d[\d_]*(\.(\d[\d_]*)?)?|\.\d[\d_]*)(e[-+]?\d[\d_]*)?$/i

/** Python's `float(value)`, or undefined where it fails. */
function floatOf(value: Value): number | undefined {
  if (isNumber(value)) return Number(value)
  const text = textOf(value)?.trim()
  if (text === undefined || /__|_$|_[.e]|[.e]_/i.test(text)) return undefined
  if (FLOAT_TEXT.test(text)) return Number(text.replaceAll('_', ''))
  const special = /^([-+]?)(inf(?:inity)?|nan)$/i.exec(text)
  if (special === null) return undefined
  return special[2]!.toLowerCase() === 'nan' ? Number.NaN : special[1] === '-' ? -Infinity : Infinity
}

const PREFIXES: { readonly [base: number]: string } = { 2: '0b', 8: '0o', 16: '0x' }

/** Python's `int(value, base)`, and `int(float(value))` where that fails. */
function intOf(value: Value, base: number): bigint | undefined {
  if (isWhole(value)) return BigInt(value)
  const text = textOf(value)?.trim()
  const whole = text === undefined ? undefined : wholeOf(text.toLowerCase(), base)
  if (whole !== undefined) return whole
  const number = floatOf(value)
  if (number === undefined || !Number.isFinite(number)) {
    if (typeof value === 'number' && !Number.isNaN(value)) {
      throw new TemplateFailure('cannot convert float infinity to integer')
    }
    return undefined
  }
  return BigInt(Math.trunc(number))
}

function wholeOf(text: string, base: number): bigint | undefined {
  const [, sign, rest] = /^([-+]?)(.*)$/s.exec(text)!
  const prefix = PREFIXES[base]
  const digits = prefix !== undefined && rest!.startsWith(prefix) ? rest!.slice(2) : rest!
  if (!/^[\da-z]+(_[\da-z]+)*$/.test(digits) || digits.length > 4300) return undefined
  let result = 0n
  for (const digit of digits.replaceAll('_', '')) {
    const number = Number.parseInt(digit, 36)
    if (number >= base) return undefined
    result = result * BigInt(base) + BigInt(number)
  }
  return sign === '-' ? -result : result
}

/** Half to even, as Python rounds. */
function roundWhole(value: bigint, digits: number): bigint {
  if (digits >= 0) return value
  if (digits < -400) return 0n
  const unit = 10n ** BigInt(-digits)
  const remainder = ((value % unit) + unit) % unit
  const down = value - remainder
  const twice = remainder * 2n
  if (twice < unit) return down
  return twice > unit || (down / unit) % 2n !== 0n ? down + unit : down
}

function roundFloat(value: number, digits: number): number {
  if (!Number.isFinite(value) || digits > 20) return value
  if (digits < 0) {
    const unit = 10 ** Math.min(-digits, 308)
    return roundHalfToEven(value / unit) * unit
  }
  if (digits === 0) return roundHalfToEven(value)
  return Number(fixedText(value, digits))
}

function roundHalfToEven(value: number): number {
  const down = Math.floor(value)
  const part = value - down
  const result = part < 0.5 ? down : part > 0.5 ? down + 1 : down % 2 === 0 ? down : down + 1
  return result === 0 && (value < 0 || Object.is(value, -0)) ? -0 : result
}

function fileSize(bytes: number, binaryPrefixes: boolean): string {
  const base = binaryPrefixes ? 1024 : 1000
  if (bytes === 1) return '1 Byte'
  if (bytes < base) return `${Math.trunc(bytes)} Bytes`
  const prefixes = binaryPrefixes
    ? ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB']
    : ['kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']
  const index = prefixes.findIndex((_, at) => bytes < base ** (at + 2))
  const at = index < 0 ? prefixes.length - 1 : index
  return `${formatValue((base * bytes) / base ** (at + 2), readSpec('.1f'))} ${prefixes[at]}`
}
