import { type CastDtype, castFloats } from '@hfquant/kernels'
import type { Dtype, FloatDtype } from '../contract/tensor.js'

/**
 * Values in another dtype, on this thread; for equal dtypes the bytes themselves.
 *
 * @throws KernelArgumentError for different dtypes, unless numbers become floats.
 */
export const castValues = (bytes: Uint8Array, from: Dtype, to: Dtype): Uint8Array =>
  from === to ? bytes : castFloats(bytes, from as CastDtype, to as FloatDtype)
