import type { LoweringInput } from '@hfquant/core'
import { runKernel, widenFloats } from '@hfquant/kernels'
import { refuseWideCodes } from '../tensors/code-range.js'
import { QDATA, SCALE, ZERO_POINT } from '../tensors/grouped-codes.js'
import type { PackedLayout } from './mat-mul-n-bits.js'

/** Constants are made in pieces of about this size. */
const PIECE_BYTES = 2 ** 20

/** Codes as the operator stores them; what pads the last block of a row meets no activation. */
export async function* codeChunks(layer: LoweringInput, layout: PackedLayout): AsyncGenerator<Uint8Array> {
  const codes = await layer.read(QDATA)
  for (const [first, rows] of pieces(layout.outFeatures, layout.inFeatures)) {
    const start = first * layout.inFeatures
    const piece = codes.subarray(start, start + rows * layout.inFeatures)
    refuseWideCodes(piece, layout.bits, `${layer.weight.path}.${QDATA}`)
    yield packCodes(piece, rows, layout.inFeatures, layout)
  }
}

/** The scale of each block, as float32: that of the group it lies in. */
export async function* scaleChunks(layer: LoweringInput, layout: PackedLayout): AsyncGenerator<Uint8Array> {
  const { outFeatures, scaleDtype } = layout
  const scales = widenFloats(await layer.read(SCALE), scaleDtype)
  for (const [first, rows] of pieces(outFeatures, layout.blocks * 4)) {
    const piece = new Float32Array(rows * layout.blocks)
    for (const [i, group] of groupOfBlocks(layout, first, rows)) piece[i] = scales[group]!
    yield new Uint8Array(piece.buffer)
  }
}

/** The zero point of each block, packed like the codes; every row begins with a new byte. */
export async function* zeroPointChunks(
  layer: LoweringInput,
  layout: PackedLayout,
): AsyncGenerator<Uint8Array> {
  const zeros = await layer.read(ZERO_POINT)
  for (const [first, rows] of pieces(layout.outFeatures, layout.blocks)) {
    const piece = new Uint8Array(rows * layout.blocks)
    for (const [i, group] of groupOfBlocks(layout, first, rows)) piece[i] = zeros[group]!
    yield packCodes(piece, rows, layout.blocks, {
      container: layout.container,
      blockSize: 8 / layout.container,
    })
  }
}

/** Signed codes [rows, columns] -> unsigned ones of the container, each row padded to a multiple of `blockSize`. */
function packCodes(
  codes: Uint8Array,
  rows: number,
  columns: number,
  { container, blockSize }: Pick<PackedLayout, 'container' | 'blockSize'>,
): Uint8Array {
  const width = Math.ceil(columns / blockSize) * blockSize
  if (container === 4) {
    const packed = new Uint8Array((rows * width) / 2)
    runKernel('packNibbles', { rows, columns, blockSize }, [codes], [packed])
    return packed
  }
  const shifted = new Uint8Array(codes.byteLength)
  runKernel('offsetCodes', {}, [codes], [shifted])
  if (width === columns) return shifted
  const padded = new Uint8Array(rows * width).fill(0x80)
  for (let row = 0; row < rows; row++) {
    padded.set(shifted.subarray(row * columns, (row + 1) * columns), row * width)
  }
  return padded
}

/** [position within the piece, group] for every block of some rows. */
function* groupOfBlocks(
  { blocks, blockSize, groupSize, inFeatures, shared }: PackedLayout,
  first: number,
  rows: number,
): Generator<readonly [number, number]> {
  const groups = inFeatures / groupSize
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const group = (first + row) * groups + Math.floor((block * blockSize) / groupSize)
      yield [row * blocks + block, shared ? 0 : group]
    }
  }
}

function* pieces(rows: number, rowBytes: number): Generator<readonly [first: number, rows: number]> {
  const step = Math.max(1, Math.floor(PIECE_BYTES / Math.max(rowBytes, 1)))
  for (let first = 0; first < rows; first += step) yield [first, Math.min(step, rows - first)]
}
