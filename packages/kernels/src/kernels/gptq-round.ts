import type { KernelDefinition } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import { wordsFor } from '../reference/gptq-pack.js'
import { type GptqRoundParams, gptqRound } from '../reference/gptq-round.js'
import { DTYPE_NUMBER } from '../wasm/instance.js'
import { configure, gridScratch, groupCount, readGridRows } from './gptq-grid.js'
import { readBits, turnedRowsScratch } from './gptq-pack.js'

/** Round to nearest, packed; see `reference.gptqRound`. */
export const gptqRoundKernel: KernelDefinition<GptqRoundParams> = {
  name: 'gptqRound',
  parse: (read) => ({
    ...readGridRows('gptqRound', read),
    bits: readBits('gptqRound', read),
    from: read.dtype('from'),
    scaleDtype: read.dtype('scaleDtype'),
  }),
  sizes(params) {
    const { from, scaleDtype, rows, columns, bits } = params
    const groups = rows * groupCount(params)
    return {
      inputs: [rows * columns * floatBytes(from)],
      outputs: [wordsFor(columns, bits) * rows * 4, groups * floatBytes(scaleDtype), groups],
    }
  },
  scratch: (params) => gridScratch(params) + turnedRowsScratch(params),
  reference: gptqRound,
  simd(params, wasm, [weight], [words, scales, zeros], scratch) {
    configure(wasm, params)
    const { from, dtype, scaleDtype, bits, rows, columns, groupSize } = params
    const nonFinite = wasm.exports.gptqRound(
      DTYPE_NUMBER[from],
      DTYPE_NUMBER[dtype],
      DTYPE_NUMBER[scaleDtype],
      bits,
      rows,
      columns,
      groupSize,
      weight!.byteOffset,
      words!.byteOffset,
      scales!.byteOffset,
      zeros!.byteOffset,
      scratch.byteOffset,
    )
    return { nonFinite }
  },
}
