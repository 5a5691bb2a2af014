import { existsSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CapabilityError,
  type LoadedModel,
  type OnProgress,
  outputError,
  readUnreplaced,
  stageFolder,
} from '@hfquant/core/runtime'
import type { EncoderDescription, ModelFacts } from '@hfquant/models'
import { createGraph, writeArtifact } from '@hfquant/onnx'
import {
  MODULES_FILE,
  readSentenceSettings,
  type SentenceSettings,
} from '../../auto/encoder/sentence/sentence-settings.js'
import type { OpenedModel } from '../../auto/open/open-model.js'
import { checkExportable } from './check-exportable.js'
import { exportEncoderOps } from './export-encoder-ops.js'
import { exportOps } from './export-ops.js'
import { copyTokenizer, isExportedFile, writeConfig } from './folder-files.js'
import { linearIn } from './linear.js'
import { type OnnxPrecision, type OnnxType, PRECISIONS } from './onnx-type.js'

export interface OnnxSettings {
  readonly type: OnnxType
  readonly pure: boolean
  readonly signal: AbortSignal | undefined
  readonly onProgress: OnProgress | undefined
}

export interface OnnxResult {
  readonly bytes: number
  readonly warnings: readonly string[]
}

/**
 * Writes a loaded model as a folder in the layout of `@huggingface/transformers`: config.json, tokenizer files, and a
 * graph with its weights in a file beside it.
 */
export async function exportOnnx(
  opened: OpenedModel,
  loaded: LoadedModel,
  out: string,
  { type, pure, signal, onProgress }: OnnxSettings,
): Promise<OnnxResult> {
  const { model, configFile } = opened
  checkExportable(model, configFile.value)
  const graph = createGraph(model.name)
  const precision: OnnxPrecision = PRECISIONS[type]
  const linear = linearIn(graph, precision, pure)
  const tables = model.onnxPartOf && createGraph(`${model.name}: tables`)
  const request = { graph, tables, shell: loaded.shell, linear, facts: model.facts, float: precision.float }
  const remarks: string[] = []
  if (model.kind === 'encoder') {
    const sentences = await sentencesOf(opened, model, (remark) => remarks.push(remark))
    model.forward(exportEncoderOps(request, model.encoder, sentences))
  } else model.forward(exportOps(request))
  const graphs =
    tables === undefined ? { model: graph } : { embed_tokens: tables, decoder_model_merged: graph }
  const staged = await stageFolder(out)
  try {
    const folder = join(staged.path, 'onnx')
    await mkdir(folder)
    const modelFiles: string[] = []
    for (const [base, part] of Object.entries(graphs)) {
      const name = `${base}${precision.suffix}.onnx`
      await writeArtifact(folder, part, {
        files: { model: name, weights: `${name}_data` },
        signal,
        onProgress: onProgress && ((event) => onProgress({ ...event, stage: 'export' })),
      })
      modelFiles.push(name)
    }
    const { folder: source, folderIdentity } = opened
    const maxTokens = model.kind === 'encoder' ? model.encoder.maxTokens : undefined
    const copy = () => copyTokenizer(source, staged.path, maxTokens)
    const warnings = await readUnreplaced(source, folderIdentity, copy)
    const { onnxPartOf: partOf, onnxWithout: without } = model
    await writeConfig(staged.path, configFile, { type, modelFiles, partOf, without })
    const files = modelFiles.flatMap((name) => [name, `${name}_data`])
    const sizes = await Promise.all(files.map((file) => syncedSize(join(folder, file))))
    await staged.commit(isExportedFile)
    const bytes = sizes.reduce((sum, size) => sum + size, 0)
    return { bytes, warnings: [...warnings, ...remarks, ...growthWarnings(model.facts)] }
  } catch (error) {
    await staged.discard()
    throw error
  }
}

/** How a folder of sentence-transformers makes vectors; undefined for any other, and for one that a graph cannot follow. */
async function sentencesOf(
  { folder, folderIdentity }: OpenedModel,
  { task, encoder }: EncoderDescription,
  remark: (text: string) => void,
): Promise<SentenceSettings | undefined> {
  if (task !== 'hidden-states' || !existsSync(join(folder, MODULES_FILE))) return undefined
  const without = (why: string) => void remark(`the graph has no sentence_embedding: ${why}`)
  try {
    const read = () => readSentenceSettings(folder, encoder.hiddenSize)
    const settings = await readUnreplaced(folder, folderIdentity, read)
    if (settings.pooling.includesPrompt) return settings
    without('its pooling leaves out the tokens of prompts, which are not told apart there')
  } catch (error) {
    if (!CapabilityError.isInstance(error)) throw error
    without(error.message)
  }
  return undefined
}

/** The library keeps the keys that it has, turned with the factors of short sequences. */
const growthWarnings = ({ longRope }: ModelFacts): readonly string[] =>
  longRope === undefined
    ? []
    : [`a sequence that grows beyond ${longRope} tokens goes on in another way than when it is computed anew`]

async function syncedSize(path: string): Promise<number> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
    return (await file.stat()).size
  } catch (cause) {
    throw outputError(cause, path)
  } finally {
    await file.close()
  }
}
