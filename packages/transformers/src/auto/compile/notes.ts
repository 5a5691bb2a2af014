import { basename, resolve } from 'node:path'
import {
  cacheFolder,
  type JsonObject,
  type LoadedModel,
  type LoadingReport,
  publishWarning,
} from '@hfquant/core/runtime'
import { type ArtifactDescription, findArtifact } from '@hfquant/onnx'
import type { OpenedModel } from '../open/open-model.js'

/** What is noted beside a compiled model, because only reading its tensors would tell. */
export interface ArtifactNotes {
  /** The quantization config as it is once every weight is made. */
  readonly config: JsonObject | null
  /** Bytes of all parameters. */
  readonly parameterBytes: number
  readonly warnings: readonly string[]
  readonly report: LoadingReport
  readonly skipped: readonly { readonly module: string; readonly reason: string }[]
}

/** What is noted of a filled model, and by which names its compiled model is listed. */
export function describeArtifact(
  { folder, quantizer }: OpenedModel,
  parameterBytes: number,
  { warnings, report, quantization }: LoadedModel,
): ArtifactDescription {
  const config = quantizer?.config.toDict() ?? null
  const skipped = quantization?.skipped ?? []
  const notes: ArtifactNotes = { config, parameterBytes, warnings, report, skipped }
  return { model: nameOf(folder), source: resolve(folder), method: quantizer?.quantMethod ?? null, notes }
}

/**
 * The notes beside the compiled model of that name; undefined when there is none.
 *
 * @throws the reason of `signal`.
 */
export async function readNotes(
  artifactKey: string,
  signal: AbortSignal | undefined,
): Promise<ArtifactNotes | undefined> {
  const artifact = await findArtifact(cacheFolder(), artifactKey, { warn: publishWarning, signal })
  return artifact?.notes as ArtifactNotes | undefined
}

/** "organisation/name" of a model in the Hugging Face cache, else the name of the folder. */
function nameOf(folder: string): string {
  const path = resolve(folder)
  const repository = /[\\/]models--(.+)[\\/]snapshots[\\/][^\\/]+$/.exec(path)?.[1]
  return repository?.replace('--', '/') ?? basename(path)
}
