import { join } from 'node:path'
import { ConfigError, checkOptions, listNames, publishInfo, recoverFolder } from '@hfquant/core/runtime'
import { type CachedModel, cachedModel, isComplete, linkIntoSnapshot, tidy, writeRef } from './cache.js'
import { findSnapshot } from './cached-snapshot.js'
import { downloadBlob } from './download-blob.js'
import { HubError, type HubErrorCode } from './errors.js'
import { hubFetch } from './hub-fetch.js'
import { type HubSettings, hubSettings } from './hub-settings.js'
import { didYouMean, isLocalFolder, similarModel } from './local-folder.js'
import { isCommitHash, parseModelFile, parseRevision } from './model-id.js'
import type { HubFile, WantedFiles } from './needed-files.js'

/** How much of a file has arrived; files that the cache already holds are not reported. */
export interface DownloadProgress {
  readonly file: string
  readonly receivedBytes: number
  readonly totalBytes: number
}

export interface ResolveModelOptions {
  /** Branch, tag or commit hash on the hub; "main" if absent. Not for a local folder. */
  readonly revision?: string | undefined
  /** "tokenizer": no weights are fetched, and none need to be there. Default "model". */
  readonly files?: WantedFiles | undefined
  /** Weights to download instead of the usual ones, where the repository has a file of this name. */
  readonly weights?: string | undefined
  /** Asks nobody, as HF_HUB_OFFLINE does. */
  readonly localFilesOnly?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
}

const NAMES = [
  'revision',
  'files',
  'weights',
  'localFilesOnly',
  'signal',
  'onProgress',
] as const satisfies readonly (keyof ResolveModelOptions)[]

/** At most one progress report per this many bytes, and one at the end. */
const PROGRESS_STEP_BYTES = 1024 * 1024

/** A model of the hub, and where it is looked for. */
interface HubModel {
  readonly id: string
  readonly revision: string
  readonly wanted: WantedFiles
  /** Weights that are asked for in place of the usual ones. */
  readonly weights: string | undefined
  readonly settings: HubSettings
  readonly cached: CachedModel
}

/**
 * The folder of a model: `model` itself if it is a folder or a GGUF file, otherwise the snapshot of the hub model with this
 * id in the cache that all Hugging Face tools share, downloaded if needed. A folder wins over a hub id of the same name. Of
 * "org/name/file.gguf", that file in the snapshot.
 *
 * Reads the same environment variables as Python's huggingface_hub, among them `HF_HOME`, `HF_ENDPOINT`, `HF_TOKEN`,
 * `HF_HUB_OFFLINE` and `HF_HUB_DOWNLOAD_TIMEOUT`. A download that was killed is taken up where it ended. A hub that
 * sends nothing for 30 seconds, or answers 429, 503 and the like four times, ends in an error.
 *
 * @throws CheckpointError `MODEL_FOLDER_MISSING`, `CONFIG_MISSING` for a local folder
 * @throws ConfigError for a malformed id, revision or environment variable
 * @throws HubError if the model cannot be found, reached or downloaded
 * @throws OutputError `CACHE_NOT_WRITABLE`
 */
export async function resolveModel(model: string, options: ResolveModelOptions = {}): Promise<string> {
  if (typeof model !== 'string') {
    throw new ConfigError('MODEL_TYPE', `the model is ${typeof model}, expected a folder or a hub id`, {
      field: 'model',
    })
  }
  checkOptions(options, NAMES)
  options.signal?.throwIfAborted()
  const asked = options.files ?? 'model'
  await recoverFolder(model)
  if (await isLocalFolder(model, asked)) {
    if (options.revision === undefined) return model
    throw new ConfigError('REVISION_OF_FOLDER', `"${model}" is a local folder, which has no revisions`, {
      field: 'revision',
      found: options.revision,
      hint: 'Leave revision out, or give the hub id of the model from another working folder.',
    })
  }
  const { id, file } = parseModelFile(model)
  const revision = parseRevision(options.revision ?? 'main')
  const settings = await hubSettings(process.env)
  const isOffline = settings.offline || options.localFilesOnly === true
  const weights = file ?? options.weights
  // The tokenizer of such a file is within it.
  const wanted = file === undefined ? asked : 'model'
  const hubModel = { id, revision, wanted, weights, settings, cached: cachedModel(settings, id) }
  const similar = await similarModel(model)
  try {
    const folder = isOffline ? await resolveFromCache(hubModel) : await ask(hubModel, similar, options)
    return file === undefined ? folder : join(folder, file)
  } catch (error) {
    throw await explained(error, hubModel, similar)
  }
}

async function resolveFromCache(model: HubModel): Promise<string> {
  const { cached, id, revision, wanted, weights, settings } = model
  const snapshot = await findSnapshot(cached, revision, wanted, weights)
  if (snapshot?.missing.length === 0) return snapshot.folder
  const state = snapshot ? `lacks ${listNames(snapshot.missing)} in the cache` : 'is not in the cache'
  const [why, change] = settings.offline
    ? ['HF_HUB_OFFLINE is set', 'Unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE once']
    : ['nothing but the cache is to be used', 'Allow a download once']
  throw new HubError('HUB_NOT_CACHED', `"${id}" (${revision}) ${state}, and ${why}`, {
    field: snapshot && 'revision',
    hint: `${change} to download it, or check HF_HOME.`,
  })
}

async function ask(
  model: HubModel,
  similar: string | undefined,
  options: ResolveModelOptions,
): Promise<string> {
  const { id, settings } = model
  if (similar !== undefined) {
    publishInfo(
      `there is no folder "${id}", but there is "${similar}"; ${settings.endpoint} is asked for a model called "${id}"`,
    )
  }
  return download(model, options)
}

async function download(
  { id, revision, wanted, weights, settings, cached }: HubModel,
  { signal, onProgress }: ResolveModelOptions,
): Promise<string> {
  // The library of the hub takes a third of the time in which hfquant is imported.
  const { listModel } = await import('./list-model.js')
  const { commit, files } = await listModel({ settings, model: id, revision, wanted, weights, signal })
  const fetch = hubFetch(settings, { model: id, revision, signal })
  const snapshot = cached.snapshot(commit)
  for (const file of files) {
    if (await isComplete(join(snapshot, file.name), file)) continue
    const path = cached.blob(file)
    if (!(await isComplete(path, file))) {
      const url = `${settings.endpoint}/${id}/resolve/${commit}/${file.name}`
      await downloadBlob({ fetch, url, file, path, signal, onBytes: reportInSteps(file, onProgress) })
    }
    await linkIntoSnapshot(cached, commit, file)
  }
  if (!isCommitHash(revision)) await writeRef(cached, revision, commit)
  await tidy(cached, revision, commit, files)
  return snapshot
}

function reportInSteps({ name, size }: HubFile, onProgress: ResolveModelOptions['onProgress']) {
  let reported = 0
  return (received: number) => {
    // What was taken up may prove wrong, and a server may send no parts: the file then begins again.
    if (received < reported) reported = 0
    if (received < size && received - reported < PROGRESS_STEP_BYTES) return
    reported = received
    onProgress?.({ file: name, receivedBytes: received, totalBytes: size })
  }
}

/** Failures to find a model, as opposed to failures to fetch what was found. */
const NOT_FOUND: ReadonlySet<HubErrorCode> = new Set<HubErrorCode>([
  'HUB_NOT_FOUND',
  'HUB_UNAUTHORIZED',
  'HUB_UNREACHABLE',
  'HUB_NOT_CACHED',
])
const AWAY: ReadonlySet<HubErrorCode> = new Set<HubErrorCode>([
  'HUB_UNREACHABLE',
  'HUB_UNAVAILABLE',
  'HUB_TIMEOUT',
])

/**
 * Says both things that a name can be, and what else it may have meant. Without the hub, an earlier download may do; it
 * could be out of date, so that the user decides.
 */
async function explained(
  error: unknown,
  { id, revision, wanted, weights, cached }: HubModel,
  similar: string | undefined,
): Promise<unknown> {
  if (!HubError.isInstance(error)) return error
  const { code, cause, found } = error
  if (AWAY.has(code) && (await findSnapshot(cached, revision, wanted, weights))?.missing.length === 0) {
    const hint = 'The cache holds this model from an earlier download: set HF_HUB_OFFLINE=1 to use it.'
    return new HubError(code, error.message, { cause, found, hint })
  }
  // An error about a field of the model is about a model that exists.
  if (!NOT_FOUND.has(code) || error.field !== undefined) return error
  const message = `there is no folder "${id}", and ${error.message}`
  return new HubError(code, message, { cause, found, hint: `${didYouMean(similar)}${error.hint}` })
}
