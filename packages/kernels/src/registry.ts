import type { KernelDefinition } from './kernel.js'
import { awqCodesKernel } from './kernels/awq-codes.js'
import { bnb4DequantizeKernel, bnb4QuantizeKernel } from './kernels/bnb4.js'
import { bnb8DequantizeKernel, bnb8QuantizeKernel } from './kernels/bnb8.js'
import { castKernel } from './kernels/cast.js'
import { copyKernel } from './kernels/copy.js'
import { dequantizeRowsKernel } from './kernels/dequantize-rows.js'
import { eightBitBlocksKernel } from './kernels/eight-bit-blocks.js'
import { float8DequantizeKernel } from './kernels/float8-dequantize.js'
import { float8GridsKernel } from './kernels/float8-grids.js'
import { ggufBlocksKernel } from './kernels/gguf-blocks.js'
import { ggufCodesKernel } from './kernels/gguf-codes.js'
import { ggufRoundedKernel } from './kernels/gguf-rounded.js'
import { gptqEnergyKernel } from './kernels/gptq-energy.js'
import { gptqFactorKernel } from './kernels/gptq-factor.js'
import { gptqGridKernel } from './kernels/gptq-grid.js'
import {
  dequantizeColumnsKernel,
  packColumnsKernel,
  repackColumnsKernel,
  unpackColumnsKernel,
} from './kernels/gptq-pack.js'
import { gptqRoundKernel } from './kernels/gptq-round.js'
import { gptqRowsKernel } from './kernels/gptq-rows.js'
import { holdsNonFiniteKernel } from './kernels/holds-non-finite.js'
import { intGroupsKernel } from './kernels/int-groups.js'
import { int4OffsetDequantizeKernel, int4OffsetQuantizeKernel } from './kernels/int4-offset.js'
import { int8RowsKernel } from './kernels/int8-rows.js'
import { llmInt8DequantizeKernel, llmInt8QuantizeKernel } from './kernels/llm-int8.js'
import { nibbleBytesKernel } from './kernels/nibble-bytes.js'
import { offsetCodesKernel } from './kernels/offset-codes.js'
import { packNibblesKernel } from './kernels/pack-nibbles.js'
import { rowAbsMaxKernel } from './kernels/row-abs-max.js'
import { scaleCodesKernel } from './kernels/scale-codes.js'
import { slabNibblesKernel } from './kernels/slab-nibbles.js'
import { transposeBytesKernel, transposeCodesKernel } from './kernels/transpose-codes.js'
import { transposeFloatsKernel } from './kernels/transpose-floats.js'

/** Every built-in kernel; a new one is a file in reference/, assembly/ and kernels/ and a line here. */
const definitions: readonly KernelDefinition[] = [
  copyKernel,
  castKernel,
  holdsNonFiniteKernel,
  rowAbsMaxKernel,
  int8RowsKernel,
  intGroupsKernel,
  eightBitBlocksKernel,
  dequantizeRowsKernel,
  offsetCodesKernel,
  packNibblesKernel,
  int4OffsetQuantizeKernel,
  int4OffsetDequantizeKernel,
  float8DequantizeKernel,
  float8GridsKernel,
  nibbleBytesKernel,
  slabNibblesKernel,
  scaleCodesKernel,
  awqCodesKernel,
  transposeBytesKernel,
  transposeCodesKernel,
  transposeFloatsKernel,
  bnb4QuantizeKernel,
  bnb4DequantizeKernel,
  bnb8QuantizeKernel,
  bnb8DequantizeKernel,
  llmInt8QuantizeKernel,
  llmInt8DequantizeKernel,
  gptqGridKernel,
  gptqRoundKernel,
  gptqRowsKernel,
  gptqFactorKernel,
  gptqEnergyKernel,
  packColumnsKernel,
  unpackColumnsKernel,
  repackColumnsKernel,
  dequantizeColumnsKernel,
  ggufBlocksKernel,
  ggufCodesKernel,
  ggufRoundedKernel,
]

export const builtInKernels: ReadonlyMap<string, KernelDefinition> = new Map(
  definitions.map((kernel) => [kernel.name, kernel]),
)
