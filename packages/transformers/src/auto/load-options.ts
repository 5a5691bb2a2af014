import {
  ConfigError,
  type DeviceMap,
  type FloatDtype,
  type OnProgress,
  oneOf,
  parseFloatDtype,
  type QuantizationConfigInput,
} from '@hfquant/core'
import type { Compute } from '@hfquant/onnx'

/** Options of `fromPretrained`. */
export interface LoadModelOptions {
  /** How to quantize a float checkpoint: a config instance, or an object with the keys of config.json. */
  readonly quantizationConfig?: QuantizationConfigInput | null | undefined
  /** Where modules live: "auto" or "cpu", or a map from module paths to devices. */
  readonly deviceMap?: string | DeviceMap | undefined
  /** Precision of everything that is not quantized; "auto" (default) keeps the checkpoint's. */
  readonly dtype?: FloatDtype | 'auto' | (string & {}) | undefined
  /** 'fast' (default): the quickest kernels of the method. 'exact': float32 on the dequantized weights. */
  readonly compute?: Compute | undefined
  /** 'low' prefers small resident weights over speed where a method has the choice. */
  readonly memory?: 'auto' | 'low' | undefined
  /** Most float bytes on their way at once while loading; default 256 MiB. */
  readonly maxInFlightBytes?: number | undefined
  /** Threads that quantize; default one per core. Does not change results. */
  readonly workers?: number | undefined
  /** Threads that compute; default one per core. */
  readonly threads?: number | undefined
  readonly onProgress?: OnProgress | undefined
  readonly signal?: AbortSignal | undefined
}

const NAMES = [
  'quantizationConfig',
  'deviceMap',
  'dtype',
  'compute',
  'memory',
  'maxInFlightBytes',
  'workers',
  'threads',
  'onProgress',
  'signal',
] as const satisfies readonly (keyof LoadModelOptions)[]

/**
 * Checks everything that can be checked before a file is touched.
 *
 * @throws ConfigError naming the option.
 */
export function checkLoadOptions(options: LoadModelOptions): void {
  for (const name of Object.keys(options)) {
    if ((NAMES as readonly string[]).includes(name)) continue
    throw new ConfigError('OPTION_UNKNOWN', `fromPretrained has no option "${name}"`, {
      field: name,
      expected: NAMES,
      hint: `The options are ${NAMES.join(', ')}.`,
    })
  }
  oneOf(options.compute ?? 'fast', ['fast', 'exact'], 'compute')
  oneOf(options.memory ?? 'auto', ['auto', 'low'], 'memory')
  if (options.dtype !== undefined && options.dtype !== 'auto') parseFloatDtype(options.dtype)
  for (const name of ['maxInFlightBytes', 'workers', 'threads'] as const) {
    const value = options[name]
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue
    throw new ConfigError('OPTION_VALUE', `${name} is ${value}, expected a positive integer`, {
      field: name,
      found: value,
    })
  }
}
