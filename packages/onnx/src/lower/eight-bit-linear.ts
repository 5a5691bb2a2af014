import { type GraphValue, type Linear, parameterChunks } from '@hfquant/core'
import { runKernel } from '@hfquant/kernels'
import { addBias } from './linear.js'
import type { LoweringContext } from './lowering.js'

/** Weights that share a scale; a multiple of what the runtime's kernels read at once. */
const BLOCK = 32

/** Computes with activations rounded to int8 for each block: the level at which 8 bits run at memory speed. */
const INT8_ACTIVATIONS = 4

/**
 * y = x·Wᵀ + b for a float weight [outFeatures, inFeatures], rounded to 8 bits in blocks of 32 of a row:
 * scale = max(min / -128, max / 127), code = round(w / scale), half to even. A quarter of the bytes of float32.
 *
 * Undefined where blocks do not divide a row.
 */
export function lowerInEightBits(
  module: Linear,
  path: string,
  input: GraphValue,
  context: LoweringContext,
): GraphValue | undefined {
  const [outFeatures, inFeatures] = module.weight.shape as [number, number]
  if (inFeatures % BLOCK !== 0) return undefined
  const { graph } = context
  const blocks = inFeatures / BLOCK
  const codes = graph.constant({
    name: `${path}.eight_bit.codes`,
    dtype: 'uint8',
    shape: [outFeatures, blocks, BLOCK],
    chunks: () => quantized(module, ({ codes }) => codes),
  })
  const scales = graph.constant({
    name: `${path}.eight_bit.scales`,
    dtype: 'float32',
    shape: [outFeatures, blocks],
    chunks: () => quantized(module, ({ scales }) => scales),
  })
  const product = graph.node('MatMulNBits', [input, codes, scales], {
    domain: 'com.microsoft',
    attributes: {
      K: { int: inFeatures },
      N: { int: outFeatures },
      bits: { int: 8 },
      block_size: { int: BLOCK },
      accuracy_level: { int: INT8_ACTIVATIONS },
    },
  })
  return addBias(product, module, path, context)
}

interface EightBits {
  /** uint8, zero point 128. */
  readonly codes: Uint8Array
  /** float32, one for each block. */
  readonly scales: Uint8Array
}

/** Pieces of a parameter are powers of two long, except the last one: no block crosses their borders. */
async function* quantized(
  { weight }: Linear,
  take: (piece: EightBits) => Uint8Array,
): AsyncGenerator<Uint8Array> {
  for await (const values of parameterChunks(weight, 'float32')) yield take(quantize(values))
}

function quantize(values: Uint8Array): EightBits {
  const count = values.byteLength / 4
  const rows = count / BLOCK
  const codes = new Uint8Array(count)
  const scales = new Uint8Array(rows * 4)
  runKernel(
    'intGroups',
    {
      dtype: 'float32',
      rows,
      columns: BLOCK,
      groupSize: BLOCK,
      bits: 8,
      mapping: 'symmetricNoClippingErr',
      eps: 'tiny',
    },
    [values],
    [codes, scales, new Uint8Array(rows)],
  )
  const unsigned = new Uint8Array(count)
  runKernel('offsetCodes', {}, [codes], [unsigned])
  return { codes: unsigned, scales }
}
