import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError } from '../errors/families.js'
import { parseJson, toValue } from '../json/json-document.js'
import { quantizationFiles } from '../load/find-model.js'
import { checkModelFile, readModelFile } from '../load/model-file.js'

/**
 * The files beside the weights that a saved model takes along: tokenizer, generation settings, chat template.
 *
 * @throws CheckpointError FILE_NOT_FOUND when the folder is gone; as `checkModelFile` for a file that cannot be taken along.
 */
export async function carriedFiles(from: string): Promise<readonly string[]> {
  const names = await readdir(from).catch((cause) => {
    throw new CheckpointError(
      'FILE_NOT_FOUND',
      `${from}, where the model came from, cannot be read any more`,
      {
        file: from,
        hint: 'Its tokenizer and generation files belong to the saved model; put the folder back.',
        cause,
      },
    )
  })
  const templates = names.includes(TEMPLATES_FOLDER) ? await namedTemplates(from) : []
  const sentences = names.filter((name) => SENTENCE_FILES.test(name))
  const modules = names.includes(SENTENCE_MODULES) ? await sentenceModules(from, names) : []
  const labels = names.includes(LABELS_FOLDER) ? await filesBelow(from, LABELS_FOLDER, isTokenizerFile) : []
  const own = names.filter((name) => CARRIED.test(name))
  const carried = [...own, ...templates, ...sentences, ...modules, ...labels].sort()
  await Promise.all(carried.map((name) => checkModelFile(from, name)))
  return carried
}

/** Where transformers keeps chat templates beyond the default one, each in a file with its name. */
const TEMPLATES_FOLDER = 'additional_chat_templates'

const namedTemplates = (from: string): Promise<string[]> =>
  filesBelow(from, TEMPLATES_FOLDER, (name) => name.endsWith('.jinja'))

/** Files of a folder within the model folder; none of a file by that name. */
async function filesBelow(
  from: string,
  folder: string,
  isWanted: (name: string) => boolean,
): Promise<string[]> {
  const names = await readdir(join(from, folder)).catch((cause) => {
    if (cause.code === 'ENOTDIR') return []
    throw new CheckpointError('FILE_UNREADABLE', `${join(from, folder)} cannot be read`, {
      file: join(from, folder),
      hint: 'Check the permissions of the folder.',
      cause,
    })
  })
  return names.filter(isWanted).map((name) => `${folder}/${name}`)
}

/** Where a model whose labels are read by an encoder of their own keeps its tokenizer. */
const LABELS_FOLDER = 'labels_encoder'
const isTokenizerFile = (name: string): boolean => CARRIED.test(name) && name !== 'generation_config.json'

/** The files of a tokenizer among those that `carriedFiles` finds. Throws as that. */
export const tokenizerFiles = async (folder: string): Promise<readonly string[]> =>
  (await carriedFiles(folder)).filter(isTokenizerFile)

/** What sentence-transformers does with hidden states: a list of modules, each with a folder of its own, whatever its name. */
const SENTENCE_MODULES = 'modules.json'
const SENTENCE_FILES = /^(modules|sentence_bert_config|config_sentence_transformers)\.json$/
const MODULE_FOLDER =
  /^\d+_(Pooling|Dense|Normalize|LayerNorm|Dropout|WeightedLayerPooling|CNN|LSTM|WordWeights)$/
const MODULE_FILE = /^((cnn_|lstm_|wordembedding_)?config\.json|model\.safetensors|pytorch_model\.bin)$/

async function sentenceModules(from: string, names: readonly string[]): Promise<string[]> {
  const listed = await listedFolders(from)
  const folders = names.filter((name) => listed.includes(name) || MODULE_FOLDER.test(name))
  const files = await Promise.all(
    folders.map((folder) => filesBelow(from, folder, (name) => MODULE_FILE.test(name))),
  )
  return files.flat()
}

/** Folders that the list names; none of a list that cannot be read, which is taken along as it is. */
async function listedFolders(from: string): Promise<readonly unknown[]> {
  const text = await readModelFile(from, SENTENCE_MODULES, { maxBytes: 2 ** 20 })
  try {
    const list = toValue(parseJson(new TextDecoder().decode(text)))
    return Array.isArray(list) ? list.map((item) => (item as { readonly path?: unknown } | null)?.path) : []
  } catch {
    return []
  }
}

/** What makes a folder usable without its origin: how to generate, how to tokenize, how to talk. */
const CARRIED =
  /^(generation_config\.json|tokenizer.*\.(json|model)|special_tokens_map\.json|added_tokens\.json|vocab\.(json|txt)|merges\.txt|chat_template\.(jinja|json))$/

/**
 * Files of an older model in the same folder, which the new one replaces: what a model is saved as, under exactly these
 * names, and so what would be read with the new one. Weights under other names are somebody's own.
 */
export const isModelFile = (name: string): boolean =>
  /^((config|gliner_config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template)\.json|tokenizer\.model|vocab\.txt|merges\.txt|chat_template\.jinja|model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json)$/.test(
    name,
  ) ||
  quantizationFiles().includes(name) ||
  name === TEMPLATES_FOLDER ||
  name === LABELS_FOLDER ||
  SENTENCE_FILES.test(name) ||
  MODULE_FOLDER.test(name)
