// How much of a layer's outputs the rows of a weight make: w·H·wᵀ, from the lower triangle of H.
import { loadTile } from './gptq-grid'
import { addLanes, BLOCK, CHUNK, multiply, packPanel, panelBytes, WIDTH } from './gptq-products'
import { Float32 } from './dtypes'

/** Bytes of scratch that `gptqEnergy` needs: 64 rows of float32, a packed panel, and eight products. */
export function gptqEnergyScratch(columns: usize): usize {
  return CHUNK * columns * 4 + panelBytes(columns) + WIDTH * 16
}

/**
 * weight float32 [rows, columns], rows first..end of the lower triangle of H, float32 [end - first, end] -> energies
 * float64 [rows]: what those rows of H and the columns opposite them contribute. `first` is a multiple of 8.
 */
export function gptqEnergy(
  rows: usize,
  columns: usize,
  first: usize,
  end: usize,
  weight: usize,
  hessian: usize,
  energies: usize,
  scratch: usize,
): void {
  const tileBytes = columns << 4
  const panel = scratch + (CHUNK / 4) * tileBytes
  const products = panel + panelBytes(columns)
  for (let chunk: usize = 0; chunk < rows; chunk += CHUNK) {
    const tiles = (min(CHUNK, rows - chunk) + 3) / 4
    for (let t: usize = 0; t < tiles; t++) {
      loadTile<Float32, Float32>(rows, columns, chunk + t * 4, weight, scratch + t * tileBytes, 0)
    }
    for (let block = first; block < end; block += BLOCK) {
      const count = min(BLOCK, end - block)
      packPanel(hessian + (((block - first) * end) << 2), end, count, 0, end, panel)
      for (let t: usize = 0; t < tiles; t++) {
        const tile = scratch + t * tileBytes
        let low = f64x2.splat(0)
        let high = f64x2.splat(0)
        let source = panel
        for (let j: usize = 0; j < end; j += WIDTH) {
          multiply(tile + (block << 4), count, source, products)
          // Columns left of the panel stand for those above it as well.
          const share = f32x4.splat(j < first ? 2 : 1)
          const width = min(WIDTH, end - j)
          for (let c: usize = 0; c < width; c++) {
            const value = f32x4.mul(share, v128.load(tile + ((j + c) << 4)))
            const term = f32x4.mul(value, v128.load(products + (c << 4)))
            low = f64x2.add(low, f64x2.promote_low_f32x4(term))
            high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i32>(term, term, 2, 3, 0, 1)))
          }
          source += BLOCK << 5
        }
        addLanes(energies, rows, chunk + t * 4, low, high)
      }
    }
  }
}
