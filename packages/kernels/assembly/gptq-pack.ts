// Family: codes of 2, 3, 4 or 8 bits as little-endian bit streams of 32-bit words. A stream runs down the rows of
// words [ceil(columns * bits / 32), rows], one stream for each row of the codes; the codes of a weight are transposed.
import { loadAs } from './dtypes'

/** Rows whose words are turned together: in every row of the result they fill a line of the cache. */
export const TURNED_ROWS: usize = 16

/** Bytes between the packed rows that are turned: not a power of two, which would put them all into the same lines. */
@inline
export function packedStride(bits: i32, columns: usize): usize {
  return (((columns + 15) / 16) * 2 * bits + 15) / 16 * 16 + 80
}

/**
 * codes uint8 [columns] -> one stream at `target`, zeros behind the last code. There is room for 15 codes behind the
 * last, which are overwritten, and for 8 bytes behind the last word.
 */
export function packRow(bits: i32, columns: usize, codes: usize, target: usize): void {
  memory.fill(codes + columns, 0, (0 - columns) & 15)
  const one: i32 = (1 << bits) - 1
  const two: i32 = (1 << (2 * bits)) - 1
  const four: i32 = bits == 8 ? -1 : (1 << (4 * bits)) - 1
  const gap = 8 - bits
  let to = target
  for (let p: usize = 0; p < columns; p += 16) {
    // Neighbours move together: codes in bytes, pairs in 16 bits, fours in 32; eight codes are `bits` bytes.
    let lanes = v128.and(v128.load(codes + p), i8x16.splat(<i8>one))
    lanes = v128.and(v128.or(lanes, i16x8.shr_u(lanes, gap)), i16x8.splat(<i16>two))
    lanes = v128.and(v128.or(lanes, i32x4.shr_u(lanes, 2 * gap)), i32x4.splat(four))
    lanes = v128.or(lanes, i64x2.shr_u(lanes, 4 * gap))
    store<u64>(to, i64x2.extract_lane(lanes, 0))
    store<u64>(to + bits, i64x2.extract_lane(lanes, 1))
    to += 2 * bits
  }
  store<u64>(to, 0)
}

/** Four words of four rows: [4, 4] -> [4, 4]. */
@inline
function turnFour(source: usize, stride: usize, target: usize, step: usize): void {
  const a = v128.load(source)
  const b = v128.load(source + stride)
  const c = v128.load(source + 2 * stride)
  const d = v128.load(source + 3 * stride)
  const abLow = v128.shuffle<i32>(a, b, 0, 4, 1, 5)
  const cdLow = v128.shuffle<i32>(c, d, 0, 4, 1, 5)
  const abHigh = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
  const cdHigh = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  v128.store(target, v128.shuffle<i64>(abLow, cdLow, 0, 2))
  v128.store(target + step, v128.shuffle<i64>(abLow, cdLow, 1, 3))
  v128.store(target + 2 * step, v128.shuffle<i64>(abHigh, cdHigh, 0, 2))
  v128.store(target + 3 * step, v128.shuffle<i64>(abHigh, cdHigh, 1, 3))
}

/** Words of `count` rows, each `stride` bytes behind the other -> columns of a matrix whose rows are `step` bytes long. */
export function turnWords(count: usize, words: usize, source: usize, stride: usize, target: usize, step: usize): void {
  const wholeRows = count & ~3
  const wholeWords = words & ~3
  for (let w: usize = 0; w < wholeWords; w += 4) {
    for (let row: usize = 0; row < wholeRows; row += 4) {
      turnFour(source + row * stride + (w << 2), stride, target + w * step + (row << 2), step)
    }
  }
  for (let row: usize = 0; row < count; row++) {
    for (let w = row < wholeRows ? wholeWords : 0; w < words; w++) {
      store<u32>(target + w * step + (row << 2), load<u32>(source + row * stride + (w << 2)))
    }
  }
}

/** codes uint8 [rows, columns] -> words. scratch: columns + 16 bytes, and `TURNED_ROWS` packed rows. */
export function packColumns(bits: i32, rows: usize, columns: usize, codes: usize, words: usize, scratch: usize): void {
  const packed = scratch + columns + 16
  const stride = packedStride(bits, columns)
  for (let first: usize = 0; first < rows; first += TURNED_ROWS) {
    const count = min(TURNED_ROWS, rows - first)
    for (let row: usize = 0; row < count; row++) {
      memory.copy(scratch, codes + (first + row) * columns, columns)
      packRow(bits, columns, scratch, packed + row * stride)
    }
    turnWords(count, (columns * bits + 31) / 32, packed, stride, words + (first << 2), rows << 2)
  }
}

/** Code `k` of a stream whose words lie `step` bytes apart. */
@inline
function codeAt(bits: i32, stream: usize, step: usize, k: usize): i32 {
  const bit = k * bits
  const at = stream + (bit >> 5) * step
  const shift = <i32>(bit & 31)
  let code = load<u32>(at) >> shift
  if (shift + bits > 32) code |= load<u32>(at + step) << (32 - shift)
  return code & ((1 << bits) - 1)
}

/**
 * Rows first..first+count of the codes -> target uint8 [count, rowBytes], each code plus `offset`, zeros after the last
 * column. Position p of a row takes column order[p] (address 0: p itself).
 */
export function unpackColumns(
  bits: i32,
  rows: usize,
  columns: usize,
  first: usize,
  count: usize,
  rowBytes: usize,
  offset: i32,
  words: usize,
  order: usize,
  target: usize,
): void {
  const step = rows << 2
  for (let row: usize = 0; row < count; row++) {
    const stream = words + ((first + row) << 2)
    const to = target + row * rowBytes
    for (let p: usize = 0; p < columns; p++) {
      const column = order ? <usize>load<u32>(order + (p << 2)) : p
      store<u8>(to + p, codeAt(bits, stream, step, column) + offset)
    }
    memory.fill(to + columns, 0, rowBytes - columns)
  }
}

/** Zero point of one group and row; `minusOne`: the file holds it less one, with a borrow between fields except at 3 bits. */
function zeroAt(bits: i32, minusOne: i32, stream: usize, row: usize): i32 {
  if (!minusOne) return codeAt(bits, stream, 4, row)
  if (bits == 3) return (codeAt(bits, stream, 4, row) + 1) & 7
  const ones: u32 = bits == 2 ? 0x55555555 : bits == 4 ? 0x11111111 : 0x01010101
  const bit = row * bits
  const word = load<u32>(stream + ((bit >> 5) << 2)) + ones
  return <i32>(word >> <u32>(bit & 31)) & ((1 << bits) - 1)
}

/**
 * Rows first..first+count of W = (code - zero) * scale -> target float32 [count, columns]. Words as above; zero points
 * int32 [groups, ceil(rows * bits / 32)], streams along the rows; scales of scaleDtype [groups, rows]; groupOf int32
 * [columns] (address 0: column / groupSize), negative entries count from the end. scratch: 8 * groups bytes.
 */
export function dequantizeColumns(
  bits: i32,
  minusOne: i32,
  scaleDtype: i32,
  rows: usize,
  columns: usize,
  groups: usize,
  groupSize: usize,
  first: usize,
  count: usize,
  words: usize,
  zeroPoints: usize,
  scales: usize,
  groupOf: usize,
  target: usize,
  scratch: usize,
): void {
  const zeroBytes = ((rows * bits + 31) / 32) << 2
  const scaleOf = scratch
  const zeroOf = scratch + (groups << 2)
  for (let row: usize = 0; row < count; row++) {
    const n = first + row
    for (let group: usize = 0; group < groups; group++) {
      store<f32>(scaleOf + (group << 2), loadAs(scaleDtype, scales, group * rows + n))
      store<i32>(zeroOf + (group << 2), zeroAt(bits, minusOne, zeroPoints + group * zeroBytes, n))
    }
    const stream = words + (n << 2)
    const to = target + ((row * columns) << 2)
    for (let k: usize = 0; k < columns; k++) {
      let group = groupOf ? load<i32>(groupOf + (k << 2)) : <i32>(k / groupSize)
      if (group < 0) group += <i32>groups
      const at = <usize>min(max(group, 0), <i32>groups - 1) << 2
      const difference = codeAt(bits, stream, rows << 2, k) - load<i32>(zeroOf + at)
      store<f32>(to + (k << 2), <f32>difference * load<f32>(scaleOf + at))
    }
  }
}
