import { KernelArgumentError } from '../errors.js'
import type { ParamReader } from '../kernel.js'

/** `columns` and a `groupSize` that divides it. */
export function readGroupSize(kernel: string, read: ParamReader): { columns: number; groupSize: number } {
  const columns = read.count('columns')
  const groupSize = read.count('groupSize', 1)
  if (columns % groupSize !== 0) {
    throw new KernelArgumentError(
      kernel,
      'parameter "groupSize"',
      groupSize,
      `a divisor of ${columns} columns`,
    )
  }
  return { columns, groupSize }
}
