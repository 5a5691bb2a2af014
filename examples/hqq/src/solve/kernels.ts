import { type FloatDtype, type KernelCall, type KernelFunction, runKernel } from '@hfquant/kernels'
import { PACKINGS, packCodes } from '../format/packing.js'
import { wordsOf } from '../format/stored-parts.js'
import { quantizeWeight } from './quantize-weight.js'

/** Weights are widened in pieces of this many, to keep the working memory of the cast small. */
const CAST_AT_ONCE = 2 ** 20

/**
 * A whole weight of float32, bfloat16 or float16 -> packed codes, scale, zero. Runs in the worker pool, which imports
 * this module by its URL: a worker a weight.
 */
const hqqQuantize: KernelFunction = ({ params, inputs: [weight], outputs: [packed, scale, zero] }) => {
  const values = widenInPieces(weight!, params.dtype as FloatDtype)
  if (!values.every(Number.isFinite)) return { nonFinite: 1 }
  const { codes, scales, zeros } = quantizeWeight(values, {
    topCode: params.topCode as number,
    groupSize: params.groupSize as number,
    axis: params.axis as 0 | 1,
    startsWhole: params.startsWhole as boolean,
    optimize: params.optimize as boolean,
  })
  const packing = PACKINGS.find(({ name }) => name === params.packing)!
  packCodes(codes, packing, wordsOf(packed!, packing.word))
  narrow(scales, params, scale!)
  narrow(zeros, params, zero!)
  return { nonFinite: 0 }
}

export const kernels: Readonly<Record<string, KernelFunction>> = { hqqQuantize }

function widenInPieces(bytes: Uint8Array, from: FloatDtype): Float32Array {
  const size = from === 'float32' ? 4 : 2
  const values = new Float32Array(bytes.byteLength / size)
  for (let first = 0; first < values.length; first += CAST_AT_ONCE) {
    const piece = values.subarray(first, first + CAST_AT_ONCE)
    const input = bytes.subarray(first * size, (first + piece.length) * size)
    runKernel('cast', { from, to: 'float32' }, [input], [bytesOf(piece)])
  }
  return values
}

function narrow(values: Float32Array, { parameterDtype }: KernelCall['params'], out: Uint8Array): void {
  runKernel('cast', { from: 'float32', to: parameterDtype! }, [bytesOf(values)], [out])
}

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
