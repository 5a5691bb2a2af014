import { CapabilityError, cacheFolder, publishWarning } from '@hfquant/core/runtime'
import { compileArtifact, findArtifact } from '@hfquant/onnx'
import { lowerModel } from '../lower/lower-model.js'
import { type CompiledModel, listCompiledModels } from './compile/compiled-models.js'
import { describeArtifact } from './compile/notes.js'
import type { WantedModel } from './open/demand-kind.js'
import type { LoadModelOptions } from './open/load-options.js'
import type { ModelSource } from './open/model-source.js'
import { type OpenedModel, openModel } from './open/open-model.js'
import { loadWeights } from './weights/load-weights.js'
import type { Weights } from './weights/weights.js'

/**
 * Compiles a model of any kind into the cache folder, for starts with the same options; one that is there already is left
 * as it is. The first use of a model does the same, of a larger one after it has answered.
 *
 * @param wanted how the folder is read; default: as config.json says.
 * @returns what is kept; undefined if somebody has removed it by now.
 * @throws as `fromPretrained`; CapabilityError NOT_KEPT for a model that is never kept; OutputError when the cache cannot be
 * written or the disk is full; RuntimeError when the runtime refuses the graph; the reason of `signal`.
 */
export async function compileModel(
  source: ModelSource,
  options: LoadModelOptions = {},
  wanted: WantedModel = {},
): Promise<CompiledModel | undefined> {
  const opened = await openModel(source, options, wanted)
  try {
    const weights = await loadWeights(opened, options)
    try {
      const key = await compileWeights(opened, weights, options)
      return (await listCompiledModels()).find(({ id }) => id === key)
    } finally {
      weights.release()
    }
  } finally {
    await opened.checkpoint.close()
  }
}

/** @returns the id of the compiled model. */
async function compileWeights(
  opened: OpenedModel,
  weights: Weights,
  { compute = 'fast', memory = 'auto', threads, signal, onProgress }: LoadModelOptions,
): Promise<string> {
  if (weights.artifact === undefined) throw notKept(opened)
  const key = await weights.artifact.key(signal)
  const cache = cacheFolder()
  if ((await findArtifact(cache, key, { warn: publishWarning, signal })) !== undefined) return key
  const filled = await weights.fill(signal ?? new AbortController().signal)
  const { model, cacheDtype } = opened
  const graph = lowerModel({ model, cacheDtype, shell: filled.shell, compute, memory })
  const description = describeArtifact(opened, weights.parameterBytes(), filled)
  await compileArtifact(cache, graph, { key, description, threads, signal, onProgress })
  return key
}

const notKept = ({ folder }: OpenedModel): CapabilityError =>
  new CapabilityError('NOT_KEPT', `the compiled model of ${folder} is not kept in the cache`, {
    file: folder,
    hint:
      'A model that is calibrated while it loads is compiled for one process, as is one whose method states no revision: ' +
      'save it, and compile what was saved.',
  })
