/** Milliseconds that a timer of the runtime holds; a longer one would end at once. */
export const LONGEST_TIMER = 2 ** 31 - 1

const SECONDS = { s: 1, m: 60, h: 3600 } as const

/** "5m", "90s", "30": milliseconds; -1 for ever. Undefined for anything else. */
export function duration(value: string): number | undefined {
  if (value === '-1') return -1
  const [, digits, unit = 's'] = /^(\d{1,9}(?:\.\d+)?)([smh]?)$/.exec(value) ?? []
  if (digits === undefined) return undefined
  return Number(digits) * SECONDS[(unit || 's') as keyof typeof SECONDS] * 1000
}

const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
}

/** "4MiB", "1000000": bytes. Undefined for anything else. */
export function byteSize(value: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(value) ?? []
  const factor = BYTES[unit.toLowerCase()]
  if (digits === undefined || factor === undefined) return undefined
  const bytes = Math.floor(Number(digits) * factor)
  return Number.isSafeInteger(bytes) && bytes >= 1 ? bytes : undefined
}
