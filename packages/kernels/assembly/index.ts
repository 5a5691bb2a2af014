export { awqCodes } from './awq-codes'
export { bnb4Dequantize, bnb4Quantize } from './bnb4'
export { bnb8Dequantize, bnb8Quantize } from './bnb8'
export { cast, copy } from './cast'
export { dequantizeGroups } from './dequantize'
export { float8Dequantize } from './float8'
export { float8Grids } from './float8-grids'
export { ggufBlocks } from './gguf-blocks'
export { ggufCodes, ggufScales } from './gguf-codes'
export { hostTable } from './host-table'
export { gptqEnergy, gptqEnergyScratch } from './gptq-energy'
export { gptqFactor, gptqFactorScratch } from './gptq-factor'
export { configureGrid } from './gptq-grid'
export { dequantizeColumns, packColumns, unpackColumns } from './gptq-pack'
export { gptqGrid, gptqRound } from './gptq-round'
export { gptqRows, gptqRowsScratch } from './gptq-rows'
export { int4OffsetDequantize, int4OffsetQuantize } from './int4-offset'
export { intGroups } from './int-groups'
export { llmInt8Dequantize, llmInt8Quantize } from './llm-int8'
export { holdsNonFinite } from './non-finite'
export { nibbleBytes } from './nibble-bytes'
export { offsetCodes, packNibbles } from './pack'
export { rowAbsMax } from './row-abs-max'
export { transposeBytes, transposeFloats } from './transpose'

/** First address that the module does not use itself: inputs and outputs are laid out from here. */
export function heapBase(): usize {
  return __heap_base
}
