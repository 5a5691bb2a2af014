import { HubError } from './errors.js'

/** One file of a repository, as the hub lists it. */
export interface HubFile {
  /** Without a folder: only files at the top of a repository are needed. */
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

/** What a loader reads besides the weights. */
const SMALL_FILES = [
  /^(config|generation_config|quantize_config|quant_config|quantization_config)\.json$/,
  /^(tokenizer[\w.-]*|special_tokens_map|added_tokens|vocab|chat_template)\.json$/,
  /^(tokenizer\.model|vocab\.txt|merges\.txt|spiece\.model|sentencepiece\.bpe\.model|chat_template\.jinja)$/,
]

/** The weights of a model, best first: the first pattern that finds something is the one that is downloaded. */
const WEIGHTS = [
  /^model\.safetensors$/,
  /^model(-\d{5}-of-\d{5}\.safetensors|\.safetensors\.index\.json)$/,
  /^[A-Za-z0-9][\w.-]*\.safetensors(\.index\.json)?$/,
  /^pytorch_model\.bin$/,
  /^pytorch_model(-\d{5}-of-\d{5}\.bin|\.bin\.index\.json)$/,
]

/**
 * Chooses what has to be downloaded: configuration, tokenizer and one set of weights, the weights last, so that a
 * folder with weights is whole.
 *
 * @throws HubError `HUB_NOT_A_MODEL` without config.json or without weights, `HUB_RESPONSE_INVALID`
 */
export function neededFiles(model: string, listed: readonly ListedFile[]): HubFile[] {
  const files = listed.filter(({ type }) => type === 'file')
  const small = files.filter(({ path }) => SMALL_FILES.some((pattern) => pattern.test(path)))
  const weights = WEIGHTS.map((pattern) => files.filter(({ path }) => pattern.test(path))).find((found) =>
    found.some(({ path }) => !path.endsWith('.json')),
  )
  if (!small.some(({ path }) => path === 'config.json')) {
    throw notAModel(
      model,
      'config.json',
      'Check the id: this may be a dataset, an adapter or a GGUF repository.',
    )
  }
  if (!weights) {
    throw notAModel(
      model,
      '.safetensors or pytorch_model.bin files',
      'Look for a repository with safetensors weights.',
    )
  }
  return [...small, ...weights].map((file) => hubFile(model, file))
}

function notAModel(model: string, missing: string, hint: string): HubError {
  return new HubError('HUB_NOT_A_MODEL', `"${model}" has no ${missing} at the top of its repository`, {
    hint,
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
