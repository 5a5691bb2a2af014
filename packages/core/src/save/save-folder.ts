import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FloatDtype } from '../contract/tensor.js'
import type { HfQuantizer } from '../dispatch/hf-quantizer.js'
import { outputError } from '../files/output-error.js'
import { stageFolder } from '../files/stage-folder.js'
import { formatJson, type JsonNode, toNode } from '../json/json-document.js'
import { readUnreplaced } from '../load/folder-version.js'
import { copyModelFile } from '../load/model-file.js'
import { carriedFiles, isModelFile, tokenizerFiles } from './carried-files.js'
import { type CheckpointStore, createCheckpointStore } from './checkpoint-store.js'

/** A tokenizer that a model uses, and that lies in another folder. */
export interface TokenizerElsewhere {
  readonly folder: string
  /** Where a saved model has it: a folder of the model folder, or "" for the model folder itself. */
  readonly into: string
}

export interface SaveFolderOptions {
  /** The folder that the model came from: its tokenizer and generation files are carried over. */
  readonly sourceFolder: string
  /** `folderIdentity` of that folder when the model was opened; absent when nobody else writes there. */
  readonly sourceIdentity?: string | undefined
  /** The model's config.json as it was read. */
  readonly config: JsonNode & { readonly kind: 'object' }
  /** What that file is called; default config.json. */
  readonly configName?: string | undefined
  readonly dtype: FloatDtype
  readonly quantizer: HfQuantizer | undefined
  /** Written with the model, so that the saved folder needs no other. */
  readonly tokenizersElsewhere?: readonly TokenizerElsewhere[] | undefined
  readonly maxShardBytes?: number | undefined
}

/**
 * Writes a model folder that appears complete or not at all: the weights by way of `fill`, then config.json and the
 * files beside it.
 *
 * @throws OutputError when the disk is full or the place cannot be written; whatever `fill` throws.
 */
export async function saveFolder<Result>(
  out: string,
  options: SaveFolderOptions,
  fill: (store: CheckpointStore) => Promise<Result>,
): Promise<Result> {
  const { sourceFolder, sourceIdentity, tokenizersElsewhere = [] } = options
  // A file that cannot be taken along is found before hours of work.
  const carried = await carriedFiles(sourceFolder)
  const others = await Promise.all(
    tokenizersElsewhere.map(async ({ folder, into }) => ({
      ...{ folder, into },
      names: await tokenizerFiles(folder),
    })),
  )
  const staged = await stageFolder(out)
  const metadata: Parameters<typeof createCheckpointStore>[1] = (tensors) =>
    options.quantizer?.checkpointMetadata(tensors) ?? {}
  const store = createCheckpointStore(staged.path, metadata, options.maxShardBytes)
  try {
    const result = await fill(store)
    await store.finish()
    await writeConfig(staged.path, options)
    await writeSidecars(staged.path, options.quantizer)
    const carryOver = () => copyFiles(sourceFolder, carried, staged.path)
    if (sourceIdentity === undefined) await carryOver()
    else await readUnreplaced(sourceFolder, sourceIdentity, carryOver)
    for (const { folder, into, names } of others) await copyFiles(folder, names, join(staged.path, into))
    const weights = new Set(options.quantizer?.weightFiles())
    await staged.commit((name) => isModelFile(name) || weights.has(name))
    return result
  } catch (error) {
    store.release()
    await staged.discard()
    throw error
  }
}

async function writeConfig(
  folder: string,
  { config, configName = 'config.json', dtype, quantizer }: SaveFolderOptions,
): Promise<void> {
  const entries = new Map(config.entries)
  // It names a file of the folder that the model came from.
  entries.delete('transformers_weights')
  for (const key of ['torch_dtype', 'dtype']) if (entries.has(key)) entries.set(key, toNode(dtype))
  if (quantizer === undefined || quantizer.configFile !== undefined) entries.delete('quantization_config')
  else if (quantizer.rewritesConfig || !entries.has('quantization_config')) {
    entries.set('quantization_config', toNode(quantizer.config.toDict()))
  }
  if (quantizer?.untiesEmbeddings) entries.set('tie_word_embeddings', toNode(false))
  const path = join(folder, configName)
  await writeFile(path, formatJson({ kind: 'object', entries }), { flush: true }).catch((cause) => {
    throw outputError(cause, path)
  })
}

async function writeSidecars(folder: string, quantizer: HfQuantizer | undefined): Promise<void> {
  const { configFile, config } = quantizer ?? {}
  const own = configFile && { [configFile.name]: config!.toDict()[configFile.key] }
  for (const [name, json] of Object.entries({ ...own, ...quantizer?.sidecarFiles() })) {
    const path = join(folder, name)
    await writeFile(path, formatJson(toNode(json)), { flush: true }).catch((cause) => {
      throw outputError(cause, path)
    })
  }
}

async function copyFiles(from: string, names: readonly string[], to: string): Promise<void> {
  for (const name of names) {
    const path = join(to, name)
    await mkdir(dirname(path), { recursive: true }).catch((cause) => {
      throw outputError(cause, path)
    })
    await copyModelFile(from, name, path)
  }
}
