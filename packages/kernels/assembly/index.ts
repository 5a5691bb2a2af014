export { cast, copy } from './cast'
export { dequantizeGroups } from './dequantize'
export { intGroups } from './int-groups'
export { offsetCodes, packNibbles } from './pack'
export { rowAbsMax } from './row-abs-max'

/** First address that the module does not use itself: inputs and outputs are laid out from here. */
export function heapBase(): usize {
  return __heap_base
}
