import { basename } from 'node:path'
import {
  type Checkpoint,
  ConfigError,
  cacheFolder,
  carriedFiles,
  checkOptions,
  checkOutputFolder,
  createScratchStore,
  type JsonObject,
  type LoadedModel,
  type PlannedModel,
  saveFolder,
  walkModules,
} from '@hfquant/core/runtime'
import type { ModelInspection } from './inspect-model.js'
import type { WantedModel } from './open/demand-kind.js'
import { asksToQuantize, checkSaveOptions, LOAD_OPTIONS, type LoadModelOptions } from './open/load-options.js'
import { type OpenedModel, openModel } from './open/open-model.js'
import { saveFilled } from './shared/save.js'
import { fillModel } from './weights/fill-model.js'
import { parameterBytes } from './weights/filled-weights.js'
import { planOpened } from './weights/plan-opened.js'

export interface QuantizeModelOptions extends LoadModelOptions {
  /** Most bytes of one file; default 50 GB. */
  readonly maxShardBytes?: number | undefined
  /** Check and plan everything that headers allow, and write nothing. */
  readonly dryRun?: boolean | undefined
}

export interface QuantizeModelResult {
  readonly method: string | undefined
  /** `architectures[0]` of config.json. */
  readonly architecture: string
  /** What the model computes. */
  readonly task: ModelInspection['task']
  /** The `quantization_config` block of config.json; undefined for a model that stays in float. */
  readonly config: JsonObject | undefined
  /** Files of the model that are taken along: tokenizer, generation settings. */
  readonly carried: readonly string[]
  /** Paths of all modules that own parameters, in the order of the model. */
  readonly modules: readonly string[]
  /** Paths of the modules that were quantized. */
  readonly quantized: readonly string[]
  readonly skipped: readonly { readonly module: string; readonly reason: string }[]
  /** Bytes of the tensors before and after. */
  readonly bytesBefore: number
  readonly bytesAfter: number
  readonly warnings: readonly string[]
}

/**
 * Quantizes a model folder into another one, weight by weight, straight from file to file. Memory is bounded by the
 * byte budget and the largest tensor that a method completes in memory, not by the model.
 *
 * @param wanted how the folder is read; default: as config.json says.
 * @throws as `fromPretrained` and `savePretrained`, and ConfigError MODEL_QUANTIZED or QUANT_METHOD_CONFLICT for a model
 * that is quantized already, in whichever way; `out` is complete, or as it was before.
 */
export async function quantizeModel(
  folder: string,
  out: string,
  options: QuantizeModelOptions = {},
  wanted: WantedModel = {},
): Promise<QuantizeModelResult> {
  checkOptions(options, [...LOAD_OPTIONS, 'maxShardBytes', 'dryRun'])
  const { maxShardBytes, dryRun, ...loadOptions } = options
  checkSaveOptions(out, { maxShardBytes })
  const opened = await openModel(folder, loadOptions, wanted)
  try {
    if (asksToQuantize(loadOptions)) refuseQuantized(opened)
    if (dryRun) await checkOutputFolder(out)
    const planned = await planOpened(opened, loadOptions)
    opened.quantizer?.checkSavable()
    const loaded = dryRun ? planned : await write(opened, planned, out, options)
    return {
      method: opened.quantizer?.quantMethod,
      architecture: opened.model.name,
      task: opened.model.kind === 'encoder' ? opened.model.task : 'causal-lm',
      config: opened.quantizer?.config.toDict(),
      carried: await carriedFiles(opened.folder),
      modules: [...walkModules(loaded.shell.root)].flatMap(([path, { parameters }]) =>
        parameters.size > 0 ? [path] : [],
      ),
      quantized: loaded.quantization?.quantized ?? [],
      skipped: loaded.quantization?.skipped ?? [],
      bytesBefore: bytesIn(opened.checkpoint),
      bytesAfter: parameterBytes(loaded, opened.quantizer?.savesFloats),
      warnings: loaded.warnings,
    }
  } finally {
    await opened.checkpoint.close()
  }
}

/** A copy of a quantized model would look like the result of another quantization. */
function refuseQuantized({ merged, folder }: OpenedModel): void {
  if (!merged?.preQuantized) return
  throw new ConfigError('MODEL_QUANTIZED', `${folder} is quantized already, with "${merged.method}"`, {
    file: folder,
    hint: 'Quantize the float model that it was made from.',
  })
}

/**
 * Quantizes straight into the files, or, where their layout depends on the result or they hold what blocks are restored to, by
 * way of the scratch store.
 */
async function write(
  opened: OpenedModel,
  planned: PlannedModel,
  out: string,
  { maxShardBytes, dryRun: _, ...options }: QuantizeModelOptions,
): Promise<LoadedModel> {
  const { folder, folderIdentity: sourceIdentity, configFile, dtype, quantizer } = opened
  if (!quantizer?.sizesDependOnValues && !quantizer?.savesFloats) {
    const configName = basename(configFile.path)
    const source = { sourceFolder: folder, sourceIdentity, config: configFile.document, configName }
    return saveFolder(out, { ...source, dtype, quantizer, maxShardBytes }, (store) =>
      fillModel(opened, store, options, planned),
    )
  }
  const { workers, maxInFlightBytes, signal } = options
  const store = createScratchStore(cacheFolder())
  try {
    const loaded = await fillModel(opened, store, options, planned)
    const limits = { workers, maxInFlightBytes, maxShardBytes, signal }
    await saveFilled(out, loaded.shell, opened, { ...limits, sourceIdentity })
    return loaded
  } finally {
    store.release()
  }
}

const bytesIn = ({ tensors }: Checkpoint): number =>
  [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
