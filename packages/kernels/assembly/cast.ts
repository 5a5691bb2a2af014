// Family: element-wise conversions between float32, bfloat16 and float16, and to them from other numbers.
import {
  BFLOAT16,
  BFloat16,
  copyBytes,
  FLOAT16,
  FLOAT32,
  Float16,
  Float32,
  load4,
  padded,
  resultScratch,
  store8,
} from './dtypes'
import { widenNumbers, widthOf } from './widen'

function castElements<From, To>(count: usize, source: usize, target: usize): void {
  const end = count & ~7
  for (let i: usize = 0; i < end; i += 8) {
    const at = source + i * sizeof<From>()
    store8<To>(target + i * sizeof<To>(), load4<From>(at), load4<From>(at + 4 * sizeof<From>()))
  }
  const rest = count - end
  if (rest == 0) return
  const at = padded<From>(source + end * sizeof<From>(), rest)
  store8<To>(resultScratch, load4<From>(at), load4<From>(at + 4 * sizeof<From>()))
  copyBytes(target + end * sizeof<To>(), resultScratch, rest * sizeof<To>())
}

/** Elements that are float32 on their way to 16 bits. */
const BLOCK: usize = 256
const wide: usize = memory.data(1024, 16)

/** Other numbers than those three: by way of float32, a block at a time. */
function castNumbers<To>(from: i32, count: usize, source: usize, target: usize): void {
  const width = widthOf(from)
  for (let i: usize = 0; i < count; i += BLOCK) {
    const size = min(BLOCK, count - i)
    widenNumbers(from, size, source + i * width, wide)
    castElements<Float32, To>(size, wide, target + i * sizeof<To>())
  }
}

/** source [count] of dtype `from` -> target [count] of dtype `to`; equal dtypes are the `copy` kernel. */
export function cast(from: i32, to: i32, count: usize, source: usize, target: usize): void {
  if (from > FLOAT16) {
    if (to == FLOAT32) widenNumbers(from, count, source, target)
    else if (to == BFLOAT16) castNumbers<BFloat16>(from, count, source, target)
    else castNumbers<Float16>(from, count, source, target)
  } else if (from == FLOAT32) {
    if (to == BFLOAT16) castElements<Float32, BFloat16>(count, source, target)
    else castElements<Float32, Float16>(count, source, target)
  } else if (from == BFLOAT16) {
    if (to == FLOAT32) castElements<BFloat16, Float32>(count, source, target)
    else castElements<BFloat16, Float16>(count, source, target)
  } else {
    if (to == FLOAT32) castElements<Float16, Float32>(count, source, target)
    else castElements<Float16, BFloat16>(count, source, target)
  }
}

/** source [count] bytes -> target [count] bytes. */
export function copy(count: usize, source: usize, target: usize): void {
  memory.copy(target, source, count)
}
