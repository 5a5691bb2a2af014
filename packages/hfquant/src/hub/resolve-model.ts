import { stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { CheckpointError, ConfigError, configFolders, recoverFolder } from '@hfquant/core'
import { listFiles, modelInfo } from '@huggingface/hub'
import { type CachedModel, cachedModel, isComplete, linkIntoSnapshot, writeRef } from './cache.js'
import { findSnapshot } from './cached-snapshot.js'
import { downloadBlob } from './download-blob.js'
import { HubError } from './errors.js'
import { hubFetch } from './hub-fetch.js'
import { type HubSettings, hubSettings } from './hub-settings.js'
import { isCommitHash, parseModelId, parseRevision } from './model-id.js'
import { type HubFile, neededFiles } from './needed-files.js'

/** How much of a file has arrived; files that the cache already holds are not reported. */
export interface DownloadProgress {
  readonly file: string
  readonly receivedBytes: number
  readonly totalBytes: number
}

export interface ResolveModelOptions {
  /** Branch, tag or commit hash on the hub; "main" if absent. Not for a local folder. */
  readonly revision?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
}

/** More files than any model repository has at its top. */
const MAX_LISTED_FILES = 10_000
/** At most one progress report per this many bytes, and one at the end. */
const PROGRESS_STEP_BYTES = 1024 * 1024

/**
 * The folder of a model: `model` itself if it is a folder, otherwise the snapshot of the hub model with this id in the
 * cache that all Hugging Face tools share, downloaded if needed. A folder wins over a hub id of the same name.
 *
 * Reads the same environment variables as Python's huggingface_hub, among them `HF_HOME`, `HF_ENDPOINT`, `HF_TOKEN`
 * and `HF_HUB_OFFLINE`.
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
  options.signal?.throwIfAborted()
  await recoverFolder(model)
  if (await isModelFolder(model)) {
    if (options.revision === undefined) return model
    throw new ConfigError('REVISION_OF_FOLDER', `"${model}" is a local folder, which has no revisions`, {
      field: 'revision',
      found: options.revision,
      hint: 'Leave revision out, or give the hub id of the model from another working folder.',
    })
  }
  const id = parseModelId(model)
  const revision = parseRevision(options.revision ?? 'main')
  const settings = await hubSettings(process.env)
  const cached = cachedModel(settings, id)
  if (settings.offline) return resolveFromCache(cached, id, revision)
  try {
    return await download(settings, cached, id, revision, options)
  } catch (error) {
    throw await withOfflineHint(error, cached, revision)
  }
}

/** @throws CheckpointError if it is a path that cannot be loaded from */
async function isModelFolder(model: string): Promise<boolean> {
  const found = await stat(model).catch(() => undefined)
  if (found?.isDirectory()) {
    for (const folder of configFolders(model)) {
      if ((await stat(join(folder, 'config.json')).catch(() => undefined))?.isFile()) return true
    }
    throw new CheckpointError('CONFIG_MISSING', `the folder "${model}" has no config.json`, {
      file: join(model, 'config.json'),
      hint: 'Give the folder that holds config.json and the weights of a model.',
    })
  }
  if (!found && !isAbsolute(model) && !/^[.~]|\\|:/.test(model)) return false
  const state = found ? 'is a file' : 'does not exist'
  throw new CheckpointError('MODEL_FOLDER_MISSING', `"${model}" ${state}; expected the folder of a model`, {
    file: model,
    hint: 'Check the path, or give a hub id like "org/name".',
  })
}

async function resolveFromCache(cached: CachedModel, model: string, revision: string): Promise<string> {
  const snapshot = await findSnapshot(cached, revision)
  if (snapshot?.missing.length === 0) return snapshot.folder
  const state = snapshot ? `lacks ${snapshot.missing.join(', ')} in the cache` : 'is not in the cache'
  throw new HubError('HUB_NOT_CACHED', `"${model}" (${revision}) ${state}, and HF_HUB_OFFLINE is set`, {
    hint: 'Unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE once to download it, or check HF_HOME.',
  })
}

async function download(
  settings: HubSettings,
  cached: CachedModel,
  model: string,
  revision: string,
  { signal, onProgress }: ResolveModelOptions,
): Promise<string> {
  const fetch = hubFetch(settings, { model, revision, signal })
  const { commit, files } = await listModel(settings.endpoint, model, revision, fetch)
  const snapshot = cached.snapshot(commit)
  for (const file of files) {
    if (await isComplete(join(snapshot, file.name), file)) continue
    const path = cached.blob(file)
    if (!(await isComplete(path, file))) {
      const url = `${settings.endpoint}/${model}/resolve/${commit}/${file.name}`
      await downloadBlob({ fetch, url, file, path, signal, onBytes: reportInSteps(file, onProgress) })
    }
    await linkIntoSnapshot(cached, commit, file)
  }
  if (!isCommitHash(revision)) await writeRef(cached, revision, commit)
  return snapshot
}

/** Which commit the revision stands for now, and what to download of it. */
async function listModel(
  hubUrl: string,
  model: string,
  revision: string,
  fetch: typeof globalThis.fetch,
): Promise<{ commit: string; files: HubFile[] }> {
  try {
    const { sha: commit } = await modelInfo({
      name: model,
      revision,
      additionalFields: ['sha'],
      hubUrl,
      fetch,
    })
    if (!isCommitHash(commit)) throw new TypeError('no commit hash')
    const listed = []
    for await (const file of listFiles({
      repo: { type: 'model', name: model },
      revision: commit,
      hubUrl,
      fetch,
    })) {
      if (listed.push(file) > MAX_LISTED_FILES) throw new RangeError(`more than ${MAX_LISTED_FILES} files`)
    }
    return { commit, files: neededFiles(model, listed) }
  } catch (error) {
    // What the library throws by itself comes from an answer that it could not read.
    const isUnreadable =
      error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError
    if (!isUnreadable) throw error
    throw new HubError('HUB_RESPONSE_INVALID', `the answer of ${hubUrl} about "${model}" cannot be read`, {
      cause: error,
      hint: 'Check HF_ENDPOINT, and that no login page of a network stands between.',
    })
  }
}

function reportInSteps({ name, size }: HubFile, onProgress: ResolveModelOptions['onProgress']) {
  let reported = 0
  return (received: number) => {
    if (received < size && received - reported < PROGRESS_STEP_BYTES) return
    reported = received
    onProgress?.({ file: name, receivedBytes: received, totalBytes: size })
  }
}

/** Without the hub, an earlier download may do; it could be out of date, so that the user decides. */
async function withOfflineHint(error: unknown, cached: CachedModel, revision: string): Promise<unknown> {
  const isAway = HubError.isInstance(error) && ['HUB_UNREACHABLE', 'HUB_UNAVAILABLE'].includes(error.code)
  if (!isAway || (await findSnapshot(cached, revision))?.missing.length !== 0) return error
  return new HubError(error.code, error.message, {
    cause: error.cause,
    hint: 'The cache holds this model from an earlier download: set HF_HUB_OFFLINE=1 to use it.',
  })
}
