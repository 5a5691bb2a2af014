// Family: reconstruction of floats from integer codes.
import {
  BFLOAT16,
  BFloat16,
  canonical,
  copyBytes,
  FLOAT32,
  Float16,
  Float32,
  loadAs,
  resultScratch,
  store8,
} from './dtypes'

/** Eight codes at `pointer` -> (code - zero) * scale at `target`. */
@inline
function reconstruct8<T>(pointer: usize, target: usize, zero: v128, scale: v128): void {
  const wide = i16x8.sub(v128.load_ext<i8>(pointer), zero)
  const first = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(wide))
  const second = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(wide))
  store8<T>(target, canonical(f32x4.mul(first, scale)), canonical(f32x4.mul(second, scale)))
}

function reconstruct<T>(
  scaleDtype: i32,
  groups: usize,
  groupSize: usize,
  codes: usize,
  scales: usize,
  zeros: usize,
  target: usize,
): void {
  for (let group: usize = 0; group < groups; group++) {
    const scale = f32x4.splat(loadAs(scaleDtype, scales, group))
    const zero = i16x8.splat(zeros ? <i16>load<i8>(zeros + group) : 0)
    const from = codes + group * groupSize
    const to = target + group * groupSize * sizeof<T>()
    const end = groupSize & ~7
    for (let i: usize = 0; i < end; i += 8) reconstruct8<T>(from + i, to + i * sizeof<T>(), zero, scale)
    const rest = groupSize - end
    if (rest != 0) {
      copyBytes(resultScratch + 32, from + end, rest)
      reconstruct8<T>(resultScratch + 32, resultScratch, zero, scale)
      copyBytes(to + end * sizeof<T>(), resultScratch, rest * sizeof<T>())
    }
  }
}

/** codes int8 [groups, groupSize], scales [groups], zeros int8 [groups] or address 0 -> target [groups, groupSize]. */
export function dequantizeGroups(
  dtype: i32,
  scaleDtype: i32,
  groups: usize,
  groupSize: usize,
  codes: usize,
  scales: usize,
  zeros: usize,
  target: usize,
): void {
  if (dtype == FLOAT32) reconstruct<Float32>(scaleDtype, groups, groupSize, codes, scales, zeros, target)
  else if (dtype == BFLOAT16) reconstruct<BFloat16>(scaleDtype, groups, groupSize, codes, scales, zeros, target)
  else reconstruct<Float16>(scaleDtype, groups, groupSize, codes, scales, zeros, target)
}
