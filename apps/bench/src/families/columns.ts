import type { Architecture } from '@hfquant/models'

/** Ways to quantize that have a column. */
export const BACKENDS = [
  'int8-weight-only',
  'int8-dynamic-act-int8-weight',
  'int4-weight-only',
  'nf4',
  'llm-int8',
  'rtn-int4',
] as const

export const EXPORTS = ['GGUF', 'ONNX'] as const

/** Columns of the table: subjects of checks, and exports. */
export const COLUMNS: readonly string[] = ['runs', 'beside others', ...BACKENDS, 'calibration', ...EXPORTS]

/** Of a row: the first name of a family. */
export const nameOf = ({ names, modelTypes }: Architecture): string => names[0] ?? modelTypes[0] ?? ''

/**
 * Those that go by the names, or all of them.
 *
 * @throws TypeError for a name that no family has, with the known ones.
 */
export function familiesNamed(
  known: readonly Architecture[],
  wanted: readonly string[] | undefined,
): readonly Architecture[] {
  if (wanted === undefined) return known
  const stranger = wanted.find((name) => !known.some(({ names }) => names.includes(name)))
  if (stranger === undefined) return known.filter(({ names }) => names.some((name) => wanted.includes(name)))
  throw new TypeError(`--only has "${stranger}", expected some of ${known.map(nameOf).join(', ')}`)
}
