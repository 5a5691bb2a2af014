import {
  ConfigError,
  checkOptions,
  type DeviceMap,
  type FloatDtype,
  type OnProgress,
  oneOf,
  parseFloatDtype,
  type QuantizationConfigInput,
  quote,
} from '@hfquant/core/runtime'
import type { CacheDtype, Compute } from '@hfquant/onnx'
import { checkQuantize } from './quantize-argument.js'

/** Options of `fromPretrained`. */
export interface LoadModelOptions {
  /** How to quantize a float checkpoint: a config instance, or an object with the keys of config.json. */
  readonly quantizationConfig?: QuantizationConfigInput | null | undefined
  /** 'int8': the short way to say "8 bits, without further choices". Anything finer is a `quantizationConfig`. */
  readonly quantize?: 'int8' | (string & {}) | null | undefined
  /** Quantizes the output projection as well, unless the model ties it to the embedding. */
  readonly quantizeLmHead?: boolean | undefined
  /** Where modules live: "auto" or "cpu", or a map from module paths to devices. */
  readonly deviceMap?: string | DeviceMap | null | undefined
  /**
   * Precision of everything that is not quantized, and of what quantized weights stand for; "auto" (default) keeps the
   * checkpoint's. Floats are cast while they are read; codes and scales stay as they are.
   */
  readonly dtype?: FloatDtype | 'auto' | (string & {}) | null | undefined
  /** 'fast' (default): the quickest kernels of the method. 'exact': float32 on the dequantized weights. */
  readonly compute?: Compute | undefined
  /** 'low' prefers small resident weights over speed where a method has the choice. */
  readonly memory?: 'auto' | 'low' | undefined
  /**
   * Type of cached keys and values. 'float16' halves their memory and rounds what attention reads and gives; keys or
   * values beyond 65504 become infinite: generation then fails with a SamplingError, and `forward` returns NaN. Default
   * 'float32'.
   */
  readonly kvCacheDtype?: CacheDtype | undefined
  /**
   * Bytes that keys and values may take: of sequences that are generated, and of those that have ended and are kept for
   * prompts that begin alike. A sequence for which there is no room waits; see
   * docs/many-sequences.md. Default: what sequences need, as far as the machine, or its container, has memory.
   */
  readonly kvCacheMemory?: number | undefined
  /** Sequences that are generated at the same time; further ones wait. Default: any number. */
  readonly maxSequences?: number | undefined
  /** Most float bytes on their way at once while loading; default 256 MiB. */
  readonly maxInFlightBytes?: number | undefined
  /** Threads that quantize; default one per core. Does not change results. */
  readonly workers?: number | undefined
  /** Threads that compute; default one per core. */
  readonly threads?: number | undefined
  /** Load a model whose `quant_method` nobody knows as a float one. Its quantized tensors are then unexpected. */
  readonly allowUnknownQuantMethod?: boolean | undefined
  /** false: neither looks for a compiled model in the cache folder nor keeps one there. Default true. */
  readonly cache?: boolean | undefined
  readonly onProgress?: OnProgress | undefined
  readonly signal?: AbortSignal | undefined
}

/** Names of all options of `fromPretrained`. */
export const LOAD_OPTIONS = [
  'quantizationConfig',
  'quantize',
  'quantizeLmHead',
  'deviceMap',
  'dtype',
  'compute',
  'memory',
  'kvCacheDtype',
  'kvCacheMemory',
  'maxSequences',
  'maxInFlightBytes',
  'workers',
  'threads',
  'allowUnknownQuantMethod',
  'cache',
  'onProgress',
  'signal',
] as const satisfies readonly (keyof LoadModelOptions)[]

/** Options that are positive whole numbers, and of what. */
const COUNTS = {
  kvCacheMemory: 'bytes',
  maxSequences: 'sequences',
  maxInFlightBytes: 'bytes',
  workers: 'threads',
  threads: 'threads',
} as const satisfies { readonly [Name in keyof LoadModelOptions]?: string }

/**
 * Checks everything that can be checked before a file is touched.
 *
 * @throws ConfigError naming the option.
 */
export function checkLoadOptions(options: LoadModelOptions): void {
  checkOptions(options, LOAD_OPTIONS)
  oneOf(options.compute ?? 'fast', ['fast', 'exact'], 'compute')
  oneOf(options.memory ?? 'auto', ['auto', 'low'], 'memory')
  oneOf(options.kvCacheDtype ?? 'float32', ['float32', 'float16'], 'kvCacheDtype')
  if (options.dtype != null && options.dtype !== 'auto') parseFloatDtype(options.dtype)
  checkQuantization(options)
  checkKind('onProgress', options.onProgress, 'a function', (value) => typeof value === 'function')
  checkKind('cache', options.cache, 'a boolean', (value) => typeof value === 'boolean')
  checkSignal(options.signal)
  for (const [name, unit] of Object.entries(COUNTS)) {
    const value = options[name as keyof typeof COUNTS]
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue
    throw new ConfigError('OPTION_VALUE', `${name} is ${quote(value)}, expected a positive integer`, {
      field: name,
      found: value,
      hint: `Pass a number of ${unit}, or leave it out.`,
    })
  }
}

/** True when the options say how a float model is to be quantized. */
export const asksToQuantize = ({ quantize, quantizationConfig }: LoadModelOptions): boolean =>
  quantize != null || quantizationConfig != null

function checkQuantization(options: LoadModelOptions): void {
  const { quantize, quantizationConfig, quantizeLmHead } = options
  if (quantize != null) checkQuantize(quantize)
  if (quantizationConfig != null) checkConfigType(quantizationConfig)
  if (quantize != null && quantizationConfig != null) {
    throw new ConfigError('OPTIONS_EXCLUSIVE', 'quantize and quantizationConfig cannot be given together', {
      field: 'quantize',
      hint: 'Leave out one of them.',
    })
  }
  checkKind('quantizeLmHead', quantizeLmHead, 'a boolean', (value) => typeof value === 'boolean')
  if (quantizeLmHead && !asksToQuantize(options)) {
    throw new ConfigError('OPTION_VALUE', 'quantizeLmHead is true, and nothing says how to quantize', {
      field: 'quantizeLmHead',
      found: true,
      hint: 'Pass a quantizationConfig, too.',
    })
  }
}

/** A name, or a promise of a configuration, is what `recipe` takes and gives. */
function checkConfigType(given: unknown): void {
  const isName = typeof given === 'string'
  if (!isName && !(given instanceof Promise)) return
  throw new ConfigError(
    'QUANTIZATION_CONFIG_TYPE',
    `quantizationConfig is ${isName ? quote(given) : 'a promise'}, expected an object`,
    {
      field: 'quantizationConfig',
      found: given,
      hint: `A recipe is awaited: quantizationConfig: await recipe(${isName ? quote(given) : "'nf4'"}).`,
    },
  )
}

/** Options of `savePretrained`. */
export interface SaveOptions {
  /** Most bytes of one file; default 50 GB. */
  readonly maxShardBytes?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

const SAVE_NAMES = ['maxShardBytes', 'signal', 'onProgress'] as const satisfies readonly (keyof SaveOptions)[]

/** @throws ConfigError naming the argument or option. */
export function checkSaveOptions(out: string, options: SaveOptions): void {
  if (typeof out !== 'string') {
    throw new ConfigError('OUTPUT_TYPE', `the folder to write is ${typeof out}, expected a path`, {
      field: 'out',
      found: out,
    })
  }
  checkOptions(options, SAVE_NAMES)
  checkKind('maxShardBytes', options.maxShardBytes, 'a positive number', (value) => Number(value) > 0)
  checkKind('onProgress', options.onProgress, 'a function', (value) => typeof value === 'function')
  checkSignal(options.signal)
}

/** @throws ConfigError OPTION_VALUE unless it is absent or an AbortSignal. */
export const checkSignal = (signal: unknown): void =>
  checkKind('signal', signal, 'an AbortSignal', (value) => value instanceof AbortSignal)

function checkKind(field: string, value: unknown, expected: string, fits: (value: unknown) => boolean): void {
  if (value === undefined || fits(value)) return
  throw new ConfigError('OPTION_VALUE', `${field} is ${typeof value}, expected ${expected}`, {
    field,
    found: value,
    expected,
  })
}
