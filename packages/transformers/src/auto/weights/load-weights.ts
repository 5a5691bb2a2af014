import { type ModelName, nameArtifact } from '../compile/name.js'
import { readNotes } from '../compile/notes.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'
import { fillScratch } from './fill-model.js'
import { filledWeights } from './filled-weights.js'
import { type KeptModel, keptWeights } from './kept-weights.js'
import { outlineModel } from './outline.js'
import type { Weights } from './weights.js'

/**
 * Checks everything that headers reveal, and fills the model unless it is compiled already.
 *
 * A model that is filled has been planned twice, and must be: the outline trusts that tensors hold what they held when
 * the model was compiled (ties are not compared, scales are not read), so that a later start reads headers alone. Bytes
 * that are read are checked first, and what the check finds may change the plan, a tie that the files contradict for one.
 *
 * @throws as the loader.
 */
export async function loadWeights(opened: OpenedModel, options: LoadModelOptions): Promise<Weights> {
  const { artifact, kept } = await findKept(opened, options)
  if (kept !== undefined) {
    return keptWeights(opened, kept, (signal) => fillScratch(opened, { ...options, signal }))
  }
  return filledWeights(opened, artifact, await fillScratch(opened, options))
}

interface Found {
  /** Undefined for a model that is not to be kept. */
  readonly artifact?: ModelName
  /** Undefined for one that has not been compiled yet. */
  readonly kept?: KeptModel
}

/** Looks for the compiled model. Models of methods without a revision have no name that would outlive the method. */
async function findKept(opened: OpenedModel, options: LoadModelOptions): Promise<Found> {
  const hasRevision = opened.quantizer === undefined || opened.quantizer.revision !== undefined
  if (options.cache === false || !hasRevision) return {}
  const outline = await outlineModel(opened, options)
  const artifact = outline && nameArtifact(outline.opened, outline.model, options)
  if (outline === undefined || artifact === undefined) return {}
  // Of a model that was never compiled, the files are read for its weights alone until it has been opened.
  if (!(await artifact.mayBeKept())) return { artifact }
  const notes = await readNotes(await artifact.key(options.signal), options.signal)
  return notes === undefined ? { artifact } : { artifact, kept: { artifact, outline, notes } }
}
