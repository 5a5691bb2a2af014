import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  copyModelFile,
  formatJson,
  type JsonFile,
  type JsonNode,
  outputError,
  readJsonFile,
  toNode,
} from '@hfquant/core/runtime'
import type { OnnxWhole } from '@hfquant/models'
import type { OnnxType } from './onnx-type.js'

/**
 * config.json of the exported folder: no longer that of a quantized checkpoint, and with what the library needs to know
 * to load it without options.
 */
export async function writeConfig(
  folder: string,
  { document }: JsonFile,
  { type, modelFiles, partOf, without }: ConfigChanges,
): Promise<void> {
  const own = new Map(document.entries)
  own.delete('quantization_config')
  for (const field of without) own.delete(field)
  const entries = partOf === undefined ? own : wrapped(own, partOf)
  // Browsers open weights files only when they are told that there are some.
  const external = Object.fromEntries(modelFiles.map((name) => [name, 1]))
  entries.set('transformers.js_config', toNode({ dtype: type, use_external_data_format: external }))
  await writeJson(join(folder, 'config.json'), entries)
}

async function writeJson(path: string, entries: ReadonlyMap<string, JsonNode>): Promise<void> {
  await writeFile(path, formatJson({ kind: 'object', entries }), { flush: true }).catch((cause) => {
    throw outputError(cause, path)
  })
}

interface ConfigChanges {
  readonly type: OnnxType
  readonly modelFiles: readonly string[]
  /** The model whose text model it is to be. */
  readonly partOf: OnnxWhole | undefined
  /** Fields that are left out. */
  readonly without: readonly string[]
}

function wrapped(
  entries: ReadonlyMap<string, JsonNode>,
  { name, modelType }: OnnxWhole,
): Map<string, JsonNode> {
  return new Map([
    ['architectures', toNode([name])],
    ['model_type', toNode(modelType)],
    ['text_config', { kind: 'object', entries }],
  ])
}

/**
 * Copies what says how to tokenize, talk and generate.
 *
 * @param maxTokens of a text, where longer ones are cut: the library cuts them where the tokenizer says, and nowhere else.
 * @returns warnings about files that the library will miss.
 */
export async function copyTokenizer(
  from: string,
  to: string,
  maxTokens: number | undefined,
): Promise<readonly string[]> {
  const names = (await readdir(from)).filter((name) => CARRIED.test(name))
  for (const name of names) await copyModelFile(from, name, join(to, name))
  if (maxTokens !== undefined && names.includes(SETTINGS)) await limitTexts(from, to, maxTokens)
  const missing = ['tokenizer.json', SETTINGS].filter((name) => !names.includes(name))
  return missing.map((name) => `there is no ${name}: the exported model takes token ids, but no text`)
}

/** Texts are cut at what the model takes, where the tokenizer names no limit or a larger one. */
async function limitTexts(from: string, to: string, maxTokens: number): Promise<void> {
  const { document, value } = await readJsonFile(join(from, SETTINGS))
  const { model_max_length: limit } = value
  if (typeof limit === 'number' && limit <= maxTokens) return
  const entries = new Map(document.entries).set('model_max_length', toNode(maxTokens))
  await writeJson(join(to, SETTINGS), entries)
}

const SETTINGS = 'tokenizer_config.json'

const CARRIED =
  /^(generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens)\.json$|^chat_template\.jinja$/

/** Files of an older export in the same folder, which the new one replaces. */
export const isExportedFile = (name: string): boolean =>
  name === 'config.json' || name === 'onnx' || CARRIED.test(name)
