import { ConfigError, checkOptions, publishWarning, quote } from '@hfquant/core/runtime'
import type { LoadModelOptions } from '@hfquant/transformers'
import type { HubOptions } from '../auto.js'
import { recipe } from '../backends.js'
import { type ProgressCallback, progressListener } from './progress.js'

/**
 * Options of `pipeline`: those of `fromPretrained`, and those of @huggingface/transformers. What is about the files of ONNX
 * models there means nothing here, and is passed over with a warning.
 */
export interface PipelineOptions extends LoadModelOptions, HubOptions {
  /**
   * A precision (fp32, fp16, bf16), or the name that ONNX folders have for a quantization: q8, int8 and uint8 are the recipe
   * `int8-weight-only`, q4 is `rtn-int4-g32`, q4f16 the same with the rest in float16, bnb4 is `nf4`.
   */
  readonly dtype?: string | null | undefined
  /** Models are computed on the processor; other devices are passed over with a warning. */
  readonly device?: string | null | undefined
  readonly progress_callback?: ProgressCallback | null | undefined
  /** Looks for a name of the hub in the cache alone. */
  readonly local_files_only?: boolean | undefined
  readonly cache_dir?: string | null | undefined
  readonly config?: unknown
  readonly subfolder?: string | undefined
  readonly use_external_data_format?: unknown
  readonly model_file_name?: string | null | undefined
  readonly session_options?: object | undefined
}

/** The same, as models are loaded. */
export interface ReadPipelineOptions {
  readonly load: LoadModelOptions
  readonly hub: HubOptions & { readonly localFilesOnly: boolean }
}

const DEVICES = ['auto', 'gpu', 'cpu', 'wasm', 'webgpu', 'cuda', 'dml', 'coreml', 'webnn']
/** What is computed on whatever there is. */
const ANY_DEVICE = ['auto', 'cpu', 'wasm']

/** Of files that are not read here. */
const OF_ONNX = [
  'cache_dir',
  'config',
  'subfolder',
  'use_external_data_format',
  'model_file_name',
  'session_options',
] as const

/** What names of ONNX weights stand for. */
const QUANTIZED: Readonly<Record<string, { readonly recipe: string; readonly dtype?: string }>> = {
  q8: { recipe: 'int8-weight-only' },
  int8: { recipe: 'int8-weight-only' },
  uint8: { recipe: 'int8-weight-only' },
  q4: { recipe: 'rtn-int4-g32' },
  q4f16: { recipe: 'rtn-int4-g32', dtype: 'float16' },
  bnb4: { recipe: 'nf4' },
}

/**
 * @param model is told to a `progress_callback`
 * @throws ConfigError DTYPE_PER_FILE, OPTION_VALUE or OPTIONS_EXCLUSIVE naming the option; what loading finds wrong is said there.
 */
export async function readPipelineOptions(
  model: string,
  options: PipelineOptions,
): Promise<ReadPipelineOptions> {
  checkOptions(options)
  const { dtype, device, progress_callback, local_files_only = false, revision, ...rest } = options
  checkDevice(device)
  warnOfOnnx(rest)
  const own = Object.entries(rest).filter(([name]) => !(OF_ONNX as readonly string[]).includes(name))
  const given: LoadModelOptions = Object.fromEntries(own)
  const listener = progress_callback && progressListener(progress_callback, model)
  const onProgress: LoadModelOptions['onProgress'] = listener
    ? (event) => {
        listener(event)
        given.onProgress?.(event)
      }
    : given.onProgress
  return {
    load: { ...given, ...(onProgress && { onProgress }), ...(await precisionOf(dtype, given)) },
    hub: { revision, localFilesOnly: local_files_only },
  }
}

async function precisionOf(dtype: unknown, given: LoadModelOptions): Promise<LoadModelOptions> {
  if (dtype === undefined || dtype === null) return {}
  if (typeof dtype === 'object') {
    throw new ConfigError('DTYPE_PER_FILE', 'dtype is an object, expected one name for the whole model', {
      field: 'dtype',
      found: dtype,
      hint: 'A model has one set of weights here. Pass a name such as "q8" or "fp16".',
    })
  }
  const meaning = Object.hasOwn(QUANTIZED, dtype as string) ? QUANTIZED[dtype as string] : undefined
  if (meaning === undefined) return { dtype: dtype as string }
  if (given.quantize != null || given.quantizationConfig != null) {
    throw new ConfigError(
      'OPTIONS_EXCLUSIVE',
      `dtype ${quote(dtype)} is a quantization, and there is another one`,
      {
        field: 'dtype',
        found: dtype,
        hint: 'Leave out dtype, or quantize and quantizationConfig.',
      },
    )
  }
  const quantizationConfig = await recipe(meaning.recipe)
  return { quantizationConfig, ...(meaning.dtype !== undefined && { dtype: meaning.dtype }) }
}

function checkDevice(device: unknown): void {
  if (device === undefined || device === null) return
  const isKnown = typeof device === 'string' && (DEVICES.includes(device) || device.startsWith('webnn-'))
  if (!isKnown) {
    throw new ConfigError(
      'OPTION_VALUE',
      `device is ${quote(device)}, expected one of ${DEVICES.join(', ')}`,
      {
        ...{ field: 'device', found: device, expected: DEVICES },
        hint: 'Leave it out: models are computed on the processor.',
      },
    )
  }
  if (!ANY_DEVICE.includes(device))
    publishWarning(`device "${device}" is not used: models are computed on the processor`)
}

function warnOfOnnx(options: Partial<Record<(typeof OF_ONNX)[number], unknown>>): void {
  const given = OF_ONNX.filter((name) => options[name] !== undefined && options[name] !== null)
  if (given.length === 0) return
  publishWarning(`${given.join(', ')}: about files of @huggingface/transformers, and without meaning here`)
}
