/** Milliseconds that a timer of the runtime holds; a longer one would end at once. */
export const LONGEST_TIMER = 2 ** 31 - 1

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/** "5m", "90s", "1h30m", "30": milliseconds; below 0: -1, for ever. Undefined for anything else. */
export function duration(value: string): number | undefined {
  const [, sign, text = ''] = /^(-?)((?:\d{1,9}(?:\.\d+)?(?:ms|[smh]))+|\d{1,9}(?:\.\d+)?)$/.exec(value) ?? []
  if (sign === undefined) return undefined
  if (sign === '-') return -1
  const parts = [...text.matchAll(/([\d.]+)(ms|[smh]?)/g)]
  return parts.reduce(
    (sum, [, digits, unit]) =>
      sum + Number(digits) * MILLISECONDS[(unit || 's') as keyof typeof MILLISECONDS],
    0,
  )
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
