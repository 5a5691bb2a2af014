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

interface ListedFile {
  readonly type: string
  readonly path: string
  readonly size: number
  readonly oid?: string
  readonly lfs?: { readonly oid: string; readonly size: number }
}

/** What is wanted of a repository: all that a model needs, or the tokenizer alone. */
export type WantedFiles = 'model' | 'tokenizer'

const CONFIGURATION = /^(config|generation_config|quantize_config|quant_config|quantization_config)\.json$/
const TOKENIZER = [
  /^(tokenizer[\w.-]*|special_tokens_map|added_tokens|vocab|chat_template)\.json$/,
  /^(tokenizer\.model|vocab\.txt|merges\.txt|spiece\.model|sentencepiece\.bpe\.model|chat_template\.jinja)$/,
  /^additional_chat_templates\/[\w.-]+\.jinja$/,
]

/** The folder of a repository that is listed besides its top. */
export const TEMPLATES_FOLDER = 'additional_chat_templates'

/**
 * Chooses what has to be downloaded. For a model: configuration, tokenizer and one set of weights, the weights last,
 * so that a folder with weights is whole. For a tokenizer: its files, and config.json where there is one.
 *
 * @throws HubError `HUB_NOT_A_MODEL` when the repository lacks what cannot be missing, `HUB_RESPONSE_INVALID`
 */
export function neededFiles(model: string, listed: readonly ListedFile[], wanted: WantedFiles): HubFile[] {
  const files = listed.filter(({ type }) => type === 'file')
  const tokenizer = files.filter(({ path }) => TOKENIZER.some((pattern) => pattern.test(path)))
  const configuration = files.filter(({ path }) => CONFIGURATION.test(path))
  const needed =
    wanted === 'tokenizer'
      ? [...configuration.filter(({ path }) => path === 'config.json'), ...tokenizer]
      : [...configuration, ...tokenizer, ...weightsOf(files)]
  const missing = missingFrom(needed, wanted)
  if (missing !== undefined) throw notAModel(model, missing)
  return needed.map((file) => hubFile(model, file))
}

function weightsOf(files: readonly ListedFile[]): ListedFile[] {
  const names = chooseWeights(files.map(({ path }) => path))
  return files.filter(({ path }) => names.includes(path))
}

function missingFrom(needed: readonly ListedFile[], wanted: WantedFiles): keyof typeof HINTS | undefined {
  const has = (fits: (path: string) => boolean) => needed.some(({ path }) => fits(path))
  if (wanted === 'tokenizer') return has((path) => path !== 'config.json') ? undefined : 'tokenizer files'
  if (!has((path) => path === 'config.json')) return 'config.json'
  return has((path) => /\.(safetensors|bin)$/.test(path))
    ? undefined
    : '.safetensors or pytorch_model.bin files'
}

const HINTS = {
  'config.json': 'Check the id: this may be a dataset, an adapter or a GGUF repository.',
  '.safetensors or pytorch_model.bin files': 'Look for a repository with safetensors weights.',
  'tokenizer files': 'Check the id; the model that this one was made from may have the tokenizer.',
} as const

function notAModel(model: string, missing: keyof typeof HINTS): HubError {
  return new HubError('HUB_NOT_A_MODEL', `"${model}" has no ${missing} at the top of its repository`, {
    hint: HINTS[missing],
  })
}

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
