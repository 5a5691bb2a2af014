import {
  ConfigError,
  cacheFolder,
  checkOptions,
  createScratchStore,
  type OnProgress,
  oneOf,
} from '@hfquant/core/runtime'
import { openModel } from '../auto/open/open-model.js'
import { fillModel } from '../auto/weights/fill-model.js'
import { exportGguf } from './gguf/export-gguf.js'
import { PRE_TOKENIZERS, type PreTokenizerName } from './gguf/pre-tokenizer.js'
import { GGUF_TYPES, type GgufType } from './gguf/tensor-type.js'
import { exportOnnx } from './onnx/export-onnx.js'
import { ONNX_TYPES, type OnnxType } from './onnx/onnx-type.js'
import { refuseInput } from './refuse-input.js'

/** Values of `type` by format; the first of each is the default. */
export const EXPORT_TYPES = { gguf: GGUF_TYPES, onnx: ONNX_TYPES } as const

interface CommonOptions {
  /** Store the output matrix in 4 bits as well, with a type of 4 bits; otherwise it gets 8. Default false. */
  readonly pure?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

/** One file for llama.cpp and what is built on it. */
export interface GgufExportOptions extends CommonOptions {
  readonly format: 'gguf'
  /** What large matrices are stored as. Default F16. */
  readonly type?: GgufType | undefined
  /** `general.name`; default: the name of the model folder. */
  readonly name?: string | undefined
  /** How llama.cpp splits texts, for tokenizers that none of its pre-tokenizers equals. */
  readonly preTokenizer?: PreTokenizerName | undefined
}

/** A folder for `@huggingface/transformers`, the library for JavaScript. */
export interface OnnxExportOptions extends CommonOptions {
  readonly format: 'onnx'
  /**
   * Precision of linear layers, with names that end in 16 also of everything else; and the `dtype` by which the folder
   * is loaded. Default fp32.
   */
  readonly type?: OnnxType | undefined
}

export type ExportModelOptions = GgufExportOptions | OnnxExportOptions

export interface ExportModelResult {
  readonly format: 'gguf' | 'onnx'
  readonly type: GgufType | OnnxType
  /** Bytes of what was written. */
  readonly bytes: number
  readonly warnings: readonly string[]
}

/**
 * Writes a model folder in a format that other runtimes load. Quantized weights are restored to floats and quantized
 * again as `type` says; they pass through memory in pieces.
 *
 * @param out a file for GGUF, a folder for ONNX; it appears complete or not at all.
 * @throws ConfigError for options; whatever loading the model throws; CapabilityError for what the format has no place
 * for; CheckpointError for a vocabulary or weights that it cannot hold; OutputError, OUTPUT_IS_INPUT among them; the
 * reason of `signal`.
 */
export async function exportModel(
  folder: string,
  out: string,
  options: ExportModelOptions,
): Promise<ExportModelResult> {
  checkExport(out, options)
  const { signal, onProgress, pure = false } = options
  const opened = await openModel(folder, { signal })
  const store = createScratchStore(cacheFolder())
  try {
    await refuseInput(opened, out)
    const loaded = await fillModel(opened, store, { signal })
    if (options.format === 'gguf') {
      const { type = 'F16', name, preTokenizer } = options
      const result = await exportGguf(opened, loaded, out, {
        type,
        pure,
        name,
        preTokenizer,
        signal,
        onProgress,
      })
      return { format: 'gguf', type, ...result, warnings: [...loaded.warnings, ...result.warnings] }
    }
    const { type = 'fp32' } = options
    const result = await exportOnnx(opened, loaded, out, { type, pure, signal, onProgress })
    return { format: 'onnx', type, ...result, warnings: [...loaded.warnings, ...result.warnings] }
  } finally {
    store.release()
    await opened.checkpoint.close()
  }
}

const OPTIONS = [
  'format',
  'type',
  'pure',
  'signal',
  'onProgress',
] as const satisfies readonly (keyof ExportModelOptions)[]

function checkExport(out: string, options: ExportModelOptions): void {
  if (typeof out !== 'string') {
    throw new ConfigError('OUTPUT_TYPE', `the place to write is ${typeof out}, expected a path`, {
      field: 'out',
      found: out,
    })
  }
  checkOptions(options)
  oneOf(options.format, ['gguf', 'onnx'], 'format')
  checkOptions(options, options.format === 'gguf' ? [...OPTIONS, 'name', 'preTokenizer'] : OPTIONS)
  if (options.format === 'onnx') {
    oneOf(options.type ?? 'fp32', ONNX_TYPES, 'type')
    return
  }
  oneOf(options.type ?? 'F16', GGUF_TYPES, 'type')
  if (options.preTokenizer !== undefined) oneOf(options.preTokenizer, PRE_TOKENIZERS, 'preTokenizer')
}
