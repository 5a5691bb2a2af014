const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** Decimal units, as file managers and disks count: "6.8 MB". */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

export const formatNumber = (value: number | null, digits: number): string =>
  value === null ? '-' : value.toFixed(digits)

/** "+0.0262", "-0.0010": a difference, which has a sign. */
export const formatDifference = (value: number, digits: number): string =>
  `${value < 0 ? '' : '+'}${value.toFixed(digits)}`

export const formatCount = (value: number): string => value.toLocaleString('en-US')

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** Rows of cells as lines with aligned columns. Numbers, units included, stand on the right of their column. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const numeric = widths.map((_, column) =>
    rows.slice(1).every((row) => /^(-|[+-]?[\d.,]+%?( [kMGT]?B)?)?$/.test(row[column] ?? '')),
  )
  return rows.map((row) =>
    row
      .map((cell, column) =>
        numeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  )
}
