import { type BnbProfile, DYNAMIC_MAP, runKernel } from '@hfquant/kernels'
import { NESTED_BLOCK_SIZE } from './quant-state.js'
import { meanOf } from './scale-mean.js'

/** Scales quantized to eight bits. */
export interface NestedScales {
  /** [blocks] */
  readonly codes: Uint8Array
  /** [ceil(blocks / 256)] */
  readonly absMax: Float32Array
  readonly offset: number
}

/** The distances of the scales from `offset`, as 8-bit codes of the dynamic map in blocks of 256. */
export function nestScales(
  scales: Float32Array,
  profile: BnbProfile,
  offset = meanOf(scales, profile),
): NestedScales {
  const distances = scales.map((scale) => scale - offset)
  const count = scales.length
  const codes = new Uint8Array(count)
  const absMax = new Float32Array(Math.ceil(count / NESTED_BLOCK_SIZE))
  const params = { count, blockSize: NESTED_BLOCK_SIZE, profile }
  runKernel('bnb8Quantize', params, [bytesOf(distances)], [codes, bytesOf(absMax)])
  return { codes, absMax, offset }
}

/** The scales of consecutive blocks, the first of which begins a nested block or lies anywhere within one. */
export function unnestScales(
  nested: NestedScales,
  map: Float32Array,
  firstBlock = 0,
  count = nested.codes.length - firstBlock,
): Float32Array {
  const aligned = firstBlock - (firstBlock % NESTED_BLOCK_SIZE)
  const end = firstBlock + count
  const scales = new Float32Array(end - aligned)
  const codes = nested.codes.subarray(aligned, end)
  const absMax = nested.absMax.subarray(aligned / NESTED_BLOCK_SIZE, Math.ceil(end / NESTED_BLOCK_SIZE))
  const params = { count: end - aligned, blockSize: NESTED_BLOCK_SIZE }
  const offset = bytesOf(Float32Array.of(nested.offset))
  runKernel('bnb8Dequantize', params, [codes, bytesOf(absMax), bytesOf(map), offset], [bytesOf(scales)])
  return scales.subarray(firstBlock - aligned)
}

/** The map that is stored with nested scales. */
export const NESTED_MAP: Float32Array = DYNAMIC_MAP

export const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

export const floatsOf = (bytes: Uint8Array): Float32Array =>
  bytes.byteOffset % 4 === 0
    ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
    : new Float32Array(bytes.slice().buffer)
