import { listNames, quantizationFiles } from '@hfquant/core/runtime'
import { ggufModels, isGguf } from '@hfquant/transformers'
import { HubError } from './errors.js'
import { chooseWeights } from './weight-files.js'

/** One file of a repository, as the hub lists it. */
export interface HubFile {
  /** At the top of the repository, or one folder below it; with slashes. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Name of the blob in the cache, and the digest of the content. */
  readonly oid: string
  /** Large files are named by the SHA-256 of their bytes, others as Git names them. */
  readonly digest: 'sha256' | 'git'
}

export interface ListedFile {
  readonly type: string
  readonly path: string
  readonly size: number
  readonly oid?: string
  readonly lfs?: { readonly oid: string; readonly size: number }
}

/** What is wanted of a repository: all that a model needs, or the tokenizer alone. */
export type WantedFiles = 'model' | 'tokenizer'

/** What describes a model: config.json, or the file of a kind that has one of its own. */
export const MODEL_CONFIGS = ['config.json', 'gliner_config.json'] as const

const CONFIGURATION = /^(config|gliner_config|generation_config)\.json$/
const TOKENIZER = [
  /^(tokenizer[\w.-]*|special_tokens_map|added_tokens|vocab|chat_template)\.json$/,
  /^(tokenizer\.model|vocab\.txt|merges\.txt|spiece\.model|sentencepiece\.bpe\.model|chat_template\.jinja)$/,
  /^additional_chat_templates\/[\w.-]+\.jinja$/,
]

/** What sentence-transformers does with hidden states: a list of modules, and a numbered folder for each. */
const MODULES = 'modules.json'
const MODULE_FOLDER = /^\d+_\w+$/
const MODULE_FILE = /^(config\.json|model\.safetensors|pytorch_model\.bin)$/
const SENTENCE_FILE = /^(modules|sentence_bert_config|config_sentence_transformers)\.json$/

/** Where a model whose labels are read by an encoder of their own keeps its tokenizer. */
const LABELS_FOLDER = 'labels_encoder'

/** More than a model has modules. */
const MAX_FOLDERS = 32

/** The folders of a repository that are listed besides its top. */
export function neededFolders(listed: readonly ListedFile[], wanted: WantedFiles): readonly string[] {
  const ofModel = [...(isListed(listed, MODULES) ? [MODULE_FOLDER] : []), /^labels_encoder$/]
  const needed = [/^additional_chat_templates$/, ...(wanted === 'model' ? ofModel : [])]
  const folders = listed.filter(
    ({ type, path }) => type === 'directory' && needed.some((pattern) => pattern.test(path)),
  )
  return folders.slice(0, MAX_FOLDERS).map(({ path }) => path)
}

/**
 * Chooses what has to be downloaded. For a model: configuration, tokenizer, modules of sentence vectors and one set of
 * weights, the weights last, so that a folder with weights is whole. For a tokenizer: its files, and config.json where
 * there is one.
 *
 * @param preferred weights to take where they are listed, before the usual ones
 * @throws HubError `HUB_NOT_A_MODEL` when the repository lacks what cannot be missing, `HUB_SEVERAL_MODELS` for several
 * GGUF files of which none is asked for, `HUB_RESPONSE_INVALID`
 */
export function neededFiles(
  model: string,
  listed: readonly ListedFile[],
  wanted: WantedFiles,
  preferred?: string,
): HubFile[] {
  const files = listed.filter(({ type }) => type === 'file')
  const tokenizer = files.filter(({ path }) => isTokenizerFile(path))
  const configuration = files.filter(
    ({ path }) => CONFIGURATION.test(path) || quantizationFiles().includes(path),
  )
  const needed =
    wanted === 'tokenizer'
      ? [...configuration.filter(({ path }) => path === 'config.json'), ...tokenizer]
      : [...configuration, ...tokenizer, ...filesBeside(files), ...weightsOf(model, files, preferred)]
  const missing = missingFrom(needed, wanted)
  if (missing !== undefined) throw notAModel(model, missing)
  return needed.map((file) => hubFile(model, file))
}

const isTokenizerFile = (path: string): boolean => TOKENIZER.some((pattern) => pattern.test(path))

/** Modules of sentence vectors, their weights in one format, and the tokenizer of an encoder of labels. */
function filesBeside(files: readonly ListedFile[]): ListedFile[] {
  const isCopy = (folder: string, name: string) =>
    name === 'pytorch_model.bin' && isListed(files, `${folder}/model.safetensors`)
  return files.filter(({ path }) => {
    const [folder, name, ...deeper] = path.split('/') as [string, string | undefined]
    if (name === undefined) return SENTENCE_FILE.test(path)
    if (deeper.length > 0) return false
    if (folder === LABELS_FOLDER) return isTokenizerFile(name)
    const isModule = isListed(files, MODULES) && MODULE_FOLDER.test(folder)
    return isModule && MODULE_FILE.test(name) && !isCopy(folder, name)
  })
}

const isListed = (files: readonly ListedFile[], wanted: string): boolean =>
  files.some(({ path }) => path === wanted)

function weightsOf(model: string, files: readonly ListedFile[], preferred: string | undefined): ListedFile[] {
  const listed = files.map(({ path }) => path)
  if (preferred !== undefined && isGguf(preferred) && !listed.includes(preferred)) {
    throw lacks(model, preferred, ggufModels(listed))
  }
  const names = chooseWeights(listed, preferred)
  const [first, ...others] = ggufModels(names)
  if (others.length > 0) throw several(model, [first!, ...others])
  return files.filter(({ path }) => names.includes(path))
}

function missingFrom(needed: readonly ListedFile[], wanted: WantedFiles): keyof typeof HINTS | undefined {
  const has = (fits: (path: string) => boolean) => needed.some(({ path }) => fits(path))
  if (wanted === 'tokenizer') return has((path) => path !== 'config.json') ? undefined : 'tokenizer files'
  // A GGUF file has its configuration within itself.
  if (has(isGguf)) return undefined
  if (!has((path) => (MODEL_CONFIGS as readonly string[]).includes(path))) return 'config.json'
  return has((path) => /^[^/]+\.(safetensors|bin)$/.test(path))
    ? undefined
    : '.safetensors or pytorch_model.bin files'
}

const HINTS = {
  'config.json': 'Check the id: this may be a dataset or an adapter.',
  '.safetensors or pytorch_model.bin files': 'Look for a repository with safetensors weights.',
  'tokenizer files': 'Check the id; the model that this one was made from may have the tokenizer.',
} as const

function notAModel(model: string, missing: keyof typeof HINTS): HubError {
  return new HubError('HUB_NOT_A_MODEL', `"${model}" has no ${missing} at the top of its repository`, {
    hint: HINTS[missing],
  })
}

const several = (model: string, found: readonly string[]): HubError =>
  new HubError('HUB_SEVERAL_MODELS', `"${model}" has ${found.length} GGUF files: ${listNames(found)}`, {
    ...{ field: 'model', found, expected: 'one of them' },
    hint: `Name the file behind the id: "${model}/${found[0]}".`,
  })

const lacks = (model: string, file: string, ggufs: readonly string[]): HubError =>
  new HubError('HUB_NOT_FOUND', `"${model}" has no file "${file}" at the top of its repository`, {
    ...{ field: 'model', found: file, expected: ggufs },
    hint:
      ggufs.length === 0
        ? `It has no GGUF files there; load "${model}" itself.`
        : `Its GGUF files are ${listNames(ggufs)}.`,
  })

function hubFile(model: string, { path, size, oid, lfs }: ListedFile): HubFile {
  const file: HubFile = lfs
    ? { name: path, size: lfs.size, oid: lfs.oid, digest: 'sha256' }
    : { name: path, size, oid: oid ?? '', digest: 'git' }
  const isOid = lfs ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/
  if (isOid.test(file.oid) && Number.isSafeInteger(file.size) && file.size >= 0) return file
  throw new HubError(
    'HUB_RESPONSE_INVALID',
    `the hub lists "${path}" of "${model}" without a valid size and digest`,
    {
      file: path,
      hint: 'Check HF_ENDPOINT: what answers there does not speak the interface of the Hugging Face hub.',
    },
  )
}
