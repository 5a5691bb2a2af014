import { InvalidArgumentError } from 'commander'

/** A parser of option values: a whole number of at least `least`. */
export const wholeNumber =
  (least: number) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`)
  }

export function nonNegativeNumber(text: string): number {
  const value = Number(text)
  if (/^[\d.]/.test(text) && Number.isFinite(value)) return value
  throw new InvalidArgumentError('Expected a number of at least 0.')
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/** "64MiB", "5GB", "1000000": a number of bytes. */
export function byteSize(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text) ?? []
  const bytes = Math.floor(Number(digits) * (UNITS[unit.toLowerCase()] ?? Number.NaN))
  if (digits !== '' && Number.isSafeInteger(bytes) && bytes >= 1) return bytes
  throw new InvalidArgumentError('Expected a size such as 64MiB, 5GB or 1000000.')
}

/** A parser of a list: "person,place". */
export function names(text: string): readonly string[] {
  const list = text.split(',').map((name) => name.trim())
  if (list.every((name) => name !== '')) return list
  throw new InvalidArgumentError('Expected names that are separated by commas.')
}

export function share(text: string): number {
  const value = Number(text)
  if (/^[\d.]/.test(text) && value >= 0 && value <= 1) return value
  throw new InvalidArgumentError('Expected a number from 0 to 1.')
}
