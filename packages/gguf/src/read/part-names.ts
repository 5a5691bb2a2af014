import { basename } from 'node:path'

/**
 * Names of all parts of a split model, in order, from the path of one of them; undefined for a name that is none of
 * `count` parts.
 */
export function partNames(path: string, count: number): string[] | undefined {
  const [, stem, number, of] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s.exec(basename(path)) ?? []
  if (Number(of) !== count || Number(number) < 1 || Number(number) > count) return undefined
  return Array.from({ length: count }, (_, index) => `${stem}-${fiveDigits(index + 1)}-of-${of}.gguf`)
}

const fiveDigits = (number: number): string => String(number).padStart(5, '0')
