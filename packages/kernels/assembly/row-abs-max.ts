// Family: reductions over rows.
import { BFLOAT16, BFloat16, decode, FLOAT32, Float16, Float32, infinityBits } from './dtypes'
import { magnitudeBits, measure } from './extent'

function rows<T>(count: usize, columns: usize, source: usize, target: usize): i32 {
  let nonFinite = 0
  for (let row: usize = 0; row < count; row++) {
    measure<T>(source + row * columns * sizeof<T>(), columns)
    const magnitude = magnitudeBits<T>()
    if (magnitude >= infinityBits<T>()) nonFinite++
    if (magnitude > infinityBits<T>()) store<u32>(target + (row << 2), 0x7fc00000)
    else store<f32>(target + (row << 2), decode<T>(magnitude))
  }
  return nonFinite
}

/** source [rows, columns] of dtype -> target float32 [rows]; returns the number of rows with a NaN or an infinity. */
export function rowAbsMax(dtype: i32, count: usize, columns: usize, source: usize, target: usize): i32 {
  if (dtype == FLOAT32) return rows<Float32>(count, columns, source, target)
  if (dtype == BFLOAT16) return rows<BFloat16>(count, columns, source, target)
  return rows<Float16>(count, columns, source, target)
}
