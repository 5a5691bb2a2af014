import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { configFolders } from '@hfquant/core/runtime'
import { CONFIG_NAME, glinerFolder } from '@hfquant/gliner'
import * as transformers from '@hfquant/transformers'
import { tokenizerFinder } from './auto.js'

/** True for a folder that GLiNER loads. */
const isGlinerFolder = (folder: string): boolean =>
  configFolders(folder).some((parent) => existsSync(join(parent, CONFIG_NAME)))

/** How a folder is read, by the configuration that it has. */
const wantedOf = (folder: string, signal: AbortSignal | undefined) =>
  typeof folder === 'string' && isGlinerFolder(folder) ? glinerFolder(tokenizerFinder({ signal })) : {}

/**
 * Describes a model folder. Tensor data is not touched, except that the two tensors of a tie are compared when a
 * checkpoint holds both.
 *
 * @throws ConfigError, CheckpointError or EnvironmentError, as loading the model would.
 */
export const inspectModel = (
  folder: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<transformers.ModelInspection> =>
  transformers.inspectModel(folder, options, wantedOf(folder, options?.signal))

/**
 * Quantizes a model folder into another one, weight by weight, straight from file to file. Memory is bounded by the
 * byte budget and the largest tensor that a method completes in memory, not by the model.
 *
 * @throws as `fromPretrained` and `savePretrained`, and ConfigError MODEL_QUANTIZED or QUANT_METHOD_CONFLICT for a model
 * that is quantized already, in whichever way; `out` is complete, or as it was before.
 */
export const quantizeModel = (
  folder: string,
  out: string,
  options: transformers.QuantizeModelOptions = {},
): Promise<transformers.QuantizeModelResult> =>
  transformers.quantizeModel(folder, out, options, wantedOf(folder, options?.signal))

/**
 * Writes a model that is quantized with one method as another one stores it, weight by weight. Codes, zero points and scales
 * keep their values, and scales their dtype, so that both models compute the same.
 *
 * @throws as `fromPretrained` and `savePretrained`; ConfigError MODEL_FLOAT for a model that is not quantized;
 * CapabilityError CONVERSION_TARGET for a method that stores no weights of others, and CONVERSION_INEXACT, naming the module,
 * for what the method cannot store unchanged; `out` is complete, or as it was before.
 */
export const convertModel = (
  folder: string,
  out: string,
  options: transformers.ConvertModelOptions,
): Promise<transformers.ConvertModelResult> =>
  transformers.convertModel(folder, out, options, wantedOf(folder, options?.signal))

/**
 * Compiles a model of any kind into the cache folder, for starts with the same options; one that is there already is left
 * as it is. The first use of a model does the same, of a larger one after it has answered. Of a GLiNER that reads labels by
 * themselves, what reads the texts is compiled; the rest is at the first use.
 *
 * @returns what is kept; undefined if somebody has removed it by now.
 * @throws as `fromPretrained`; CapabilityError NOT_KEPT for a model that is never kept; OutputError when the cache cannot be
 * written or the disk is full; RuntimeError when the runtime refuses the graph; the reason of `signal`.
 */
export const compileModel = (
  folder: string,
  options: transformers.LoadModelOptions = {},
): Promise<transformers.CompiledModel | undefined> =>
  transformers.compileModel(folder, options, wantedOf(folder, options?.signal))
