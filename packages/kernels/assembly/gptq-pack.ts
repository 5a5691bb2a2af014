// Family: codes of 2, 3, 4 or 8 bits as little-endian bit streams of 32-bit words. A stream runs down the rows of
// words [ceil(columns * bits / 32), rows], one stream for each row of the codes; the codes of a weight are transposed.
import { loadAs } from './dtypes'

/** codes uint8 [rows, columns] -> words. */
export function packColumns(bits: i32, rows: usize, columns: usize, codes: usize, words: usize): void {
  const wordRows = (columns * bits + 31) / 32
  for (let first: usize = 0, word: usize = 0; first < columns; first += 32, word += bits) {
    const count = min(columns - first, 32)
    for (let row: usize = 0; row < rows; row++) {
      const source = codes + row * columns + first
      let stream: u64 = 0
      let filled = 0
      let at = word
      for (let k: usize = 0; k < 32; k++) {
        if (k < count) stream |= <u64>load<u8>(source + k) << filled
        filled += bits
        if (filled < 32) continue
        if (at < wordRows) store<u32>(words + ((at * rows + row) << 2), <u32>stream)
        stream >>= 32
        filled -= 32
        at++
      }
    }
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
