import type { Component, QuantizedFormat, WeightInfo } from '@hfquant/core'
import { LLM_INT8_STEP } from '@hfquant/kernels'
import { lowerLlmInt8 } from '../lower/llm-int8.js'

export const CODES = 'weight'
/** The library's name for the absolute maximum of each row. */
export const ABS_MAX = 'SCB'
/** How codes are laid out; 0 means row by row. */
export const WEIGHT_FORMAT = 'weight_format'

/** Int8 codes with one scale a row, float32. */
export function int8Format(components: readonly Component[], threshold: number): QuantizedFormat {
  return {
    name: 'int8 per row, LLM.int8()',
    components: () => components,
    dequantize(stored, out) {
      const codes = stored.int8(CODES)
      const absMax = stored.float32(ABS_MAX)
      for (let row = 0; row < out.count; row++) {
        const values = out.at(row)
        const start = row * values.length
        for (let i = 0; i < values.length; i++) {
          values[i] = Math.fround(codes[start + i]! * absMax[row]!) * LLM_INT8_STEP
        }
      }
    },
    dequantizeKernel: () => ({ kernel: 'llmInt8Dequantize', components: [CODES, ABS_MAX] }),
    lower: (graph, layer) => lowerLlmInt8(graph, layer, { codes: CODES, absMax: ABS_MAX, threshold }),
  }
}

/** The format of a weight that is quantized while it loads; `weight_format` stays 0. */
export function madeInt8Format({ outFeatures, inFeatures }: WeightInfo, threshold: number): QuantizedFormat {
  const components: readonly Component[] = [
    { key: CODES, dtype: 'int8', shape: [outFeatures, inFeatures] },
    { key: ABS_MAX, dtype: 'float32', shape: [outFeatures] },
    { key: WEIGHT_FORMAT, dtype: 'uint8', shape: [], layout: 'whole' },
  ]
  return {
    ...int8Format(components, threshold),
    quantizeKernel: () => ({ kernel: 'llmInt8Quantize', components: [CODES, ABS_MAX] }),
  }
}
