import type { KernelDefinition } from './kernel.js'
import { castKernel } from './kernels/cast.js'
import { copyKernel } from './kernels/copy.js'
import { dequantizeRowsKernel } from './kernels/dequantize-rows.js'
import { intGroupsKernel } from './kernels/int-groups.js'
import { int8RowsKernel } from './kernels/int8-rows.js'
import { offsetCodesKernel } from './kernels/offset-codes.js'
import { packNibblesKernel } from './kernels/pack-nibbles.js'
import { rowAbsMaxKernel } from './kernels/row-abs-max.js'

/** Every built-in kernel; a new one is a file in reference/, assembly/ and kernels/ and a line here. */
const definitions: readonly KernelDefinition[] = [
  copyKernel,
  castKernel,
  rowAbsMaxKernel,
  int8RowsKernel,
  intGroupsKernel,
  dequantizeRowsKernel,
  offsetCodesKernel,
  packNibblesKernel,
]

export const builtInKernels: ReadonlyMap<string, KernelDefinition> = new Map(
  definitions.map((kernel) => [kernel.name, kernel]),
)
