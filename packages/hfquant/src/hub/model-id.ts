import { ConfigError } from '@hfquant/core'

/** The hub itself accepts no longer names. */
const MAX_ID_LENGTH = 96
/** Longer than any branch, tag or hash; keeps file names within what every file system takes. */
const MAX_REVISION_LENGTH = 200

/** "name" or "org/name"; neither part begins or ends with a dot or a dash. */
const ID = /^(?:[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?\/)?[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?$/
const REVISION = /^[A-Za-z0-9_](?:[\w.+/-]*[\w+-])?$/

/**
 * Checks that `model` is a hub id, "name" or "org/name": the id becomes part of a path and of a URL.
 *
 * @throws ConfigError `MODEL_ID_INVALID`
 */
export function parseModelId(model: string): string {
  if (model.length <= MAX_ID_LENGTH && ID.test(model) && !/\.\.|--|\.git$/.test(model)) return model
  throw new ConfigError('MODEL_ID_INVALID', `${shown(model)} is neither an existing folder nor a hub id`, {
    field: 'model',
    found: model,
    expected: 'org/name',
    hint: 'Give the path of a folder that holds config.json, or an id like "org/name".',
  })
}

/** A file of a repository, as it is named behind the id. */
const FILE_OF_MODEL = /^([^/]+\/[^/]+)\/([A-Za-z0-9][\w.-]*\.gguf)$/i

export const isFileOfModel = (model: string): boolean => FILE_OF_MODEL.test(model)

/**
 * The parts of a name such as "org/name/model-Q4_K_M.gguf"; of any other, the name alone.
 *
 * @throws ConfigError `MODEL_ID_INVALID`
 */
export function parseModelFile(model: string): { readonly id: string; readonly file?: string } {
  const [, id, file] = FILE_OF_MODEL.exec(model) ?? []
  return file === undefined ? { id: parseModelId(model) } : { id: parseModelId(id!), file }
}

/**
 * Checks a branch, tag or commit hash: it becomes the path of a file under `refs/`.
 *
 * @throws ConfigError `REVISION_INVALID`
 */
export function parseRevision(revision: string): string {
  if (revision.length <= MAX_REVISION_LENGTH && REVISION.test(revision) && !/\.\.|\/\/|\/\./.test(revision)) {
    return revision
  }
  throw new ConfigError('REVISION_INVALID', `${shown(revision)} is not a branch, tag or commit hash`, {
    field: 'revision',
    found: revision,
    hint: 'Give a name like "main", "v1.0" or "refs/pr/1", or the 40 digits of a commit.',
  })
}

/** True for the full hash of a commit, which needs no `refs/` entry. */
export const isCommitHash = (text: string): boolean => /^[0-9a-f]{40}$/.test(text)

const shown = (text: string): string =>
  JSON.stringify(text.length > MAX_ID_LENGTH ? `${text.slice(0, MAX_ID_LENGTH)}…` : text)
