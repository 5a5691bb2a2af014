import { type SchemaObject, unsupported, wrongValue } from './keywords.js'

/** The largest number with 20 digits, which is where integers without a bound end. */
const LARGEST = 10n ** 20n - 1n

/**
 * The pattern of the integers within the bounds of a schema, or undefined where it has none. Throws for bounds that a
 * double does not hold exactly, and where no integer is left.
 */
export function integerPattern(schema: SchemaObject, place: string): string | undefined {
  const lower = [bound('minimum', Math.ceil, 0n), bound('exclusiveMinimum', Math.floor, 1n)]
  const upper = [bound('maximum', Math.floor, 0n), bound('exclusiveMaximum', Math.ceil, -1n)]
  const stated = (values: readonly (bigint | undefined)[]) => values.filter((value) => value !== undefined)
  if (stated([...lower, ...upper]).length === 0) return undefined

  let [least, most] = [-LARGEST, LARGEST]
  for (const value of stated(lower)) if (value > least) least = value
  for (const value of stated(upper)) if (value < most) most = value
  if (least > most)
    throw unsupported(place, 'no integer is within its bounds', { hint: 'Correct the bounds.' })

  const negative = least < 0n ? positives(most < 0n ? -most : 1n, -least).map((each) => `-${each}`) : []
  const zero = least <= 0n && most >= 0n ? ['0'] : []
  const positive = most > 0n ? positives(least > 0n ? least : 1n, most) : []
  return [...negative, ...zero, ...positive].join('|')

  /** A bound that need not be an integer itself, as one that is. */
  function bound(keyword: string, round: (value: number) => number, step: bigint): bigint | undefined {
    const value = schema[keyword]
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw wrongValue(schema, keyword, place, 'a finite number')
    }
    const rounded = round(value)
    if (!Number.isSafeInteger(rounded)) {
      throw unsupported(
        `${place}/${keyword}`,
        `${keyword} is ${value}, which a double does not hold exactly`,
        {
          found: value,
          expected: `from ${Number.MIN_SAFE_INTEGER} to ${Number.MAX_SAFE_INTEGER}`,
          hint: 'Leave the bound out, or take a nearer one.',
        },
      )
    }
    return BigInt(rounded) + step
  }
}

/** Patterns that together have the integers from `least` to `most`, both above 0: ranges of equal length, digit by digit. */
function positives(least: bigint, most: bigint): string[] {
  const patterns: string[] = []
  for (let length = least.toString().length; length <= most.toString().length; length++) {
    const first = 10n ** BigInt(length - 1)
    const last = 10n ** BigInt(length) - 1n
    patterns.push(
      ...sameLength((least > first ? least : first).toString(), (most < last ? most : last).toString()),
    )
  }
  return patterns
}

function sameLength(least: string, most: string): string[] {
  const rest = least.length - 1
  const [first, last] = [Number(least[0]), Number(most[0])]
  if (rest === 0) return [digits(first, last)]
  if (first === last) return sameLength(least.slice(1), most.slice(1)).map((tail) => `${first}${tail}`)
  const patterns: string[] = []
  const low = /^0*$/.test(least.slice(1)) ? first : first + 1
  const high = /^9*$/.test(most.slice(1)) ? last : last - 1
  if (low > first) {
    patterns.push(...sameLength(least.slice(1), '9'.repeat(rest)).map((tail) => `${first}${tail}`))
  }
  if (low <= high) patterns.push(`${digits(low, high)}\\d{${rest}}`)
  if (high < last) {
    patterns.push(...sameLength('0'.repeat(rest), most.slice(1)).map((tail) => `${last}${tail}`))
  }
  return patterns
}

const digits = (low: number, high: number) => (low === high ? String(low) : `[${low}-${high}]`)
