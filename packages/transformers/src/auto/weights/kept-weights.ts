import type { LoadedModel } from '@hfquant/core/runtime'
import type { ModelName } from '../compile/name.js'
import type { ArtifactNotes } from '../compile/notes.js'
import type { OpenedModel } from '../open/open-model.js'
import type { FilledModel } from './fill-model.js'
import { parameterBytes } from './filled-weights.js'
import type { Outline } from './outline.js'
import { type ModelQuantization, quantizationOf, warn } from './quantization.js'
import type { Weights } from './weights.js'

/** A compiled model that an earlier start has left in the cache. */
export interface KeptModel {
  readonly artifact: ModelName
  readonly outline: Outline
  readonly notes: ArtifactNotes
}

/**
 * Weights of a model that is compiled already, and computes without them. What only reading the tensors would tell about
 * them is in the notes beside the compiled model; `fill` reads the tensors, checks them, and quantizes them.
 *
 * @param fill does that work; called again after it failed.
 */
export function keptWeights(
  opened: OpenedModel,
  { artifact, outline, notes }: KeptModel,
  fill: (signal: AbortSignal) => Promise<FilledModel>,
): Weights {
  const noted: LoadedModel = { ...outline.model, warnings: notes.warnings, report: notes.report }
  let filling: Promise<LoadedModel> | undefined
  let filled: FilledModel | undefined

  const fillOnce = async (signal: AbortSignal) => {
    try {
      filled = await fill(signal)
      return filled.loaded
    } catch (error) {
      filling = undefined
      throw error
    }
  }

  return {
    ...{ opened, artifact },
    get loaded() {
      return filled?.loaded ?? noted
    },
    quantization: notedQuantization(outline, notes),
    warnings: warn(opened.merged, notes.warnings),
    parameterBytes: () => (filled === undefined ? notes.parameterBytes : parameterBytes(filled.loaded)),
    fill(signal) {
      filling ??= fillOnce(signal)
      return filling
    },
    release: () => filled?.store.release(),
  }
}

/** The configuration as it was once every weight was made. The note has been JSON; it is read as config.json would be. */
function notedQuantization(
  { opened, model }: Outline,
  { config, skipped }: ArtifactNotes,
): ModelQuantization | undefined {
  const quantization = quantizationOf(opened, model)
  if (quantization === undefined || opened.merged === undefined || config === null) return quantization
  return { ...quantization, skipped, config: opened.merged.backend.parseConfig(config).toDict() }
}
