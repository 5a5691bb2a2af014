import { createHash } from 'node:crypto'
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GPTQConfig, type GPTQConfigOptions } from '@hfquant/gptq'
import { readTensorFile, type TensorFile, writeTensorFile } from '@hfquant/testkit'
import { AutoModelForCausalLM, quantizeModel } from '../index.js'
import { golden, readIntegers } from './golden.fixture.js'

export const float = golden('gptq/tiny-llama-fp32')
export const actOrder = golden('gptq/tiny-llama-gptq-w4-g32-desc-act')
export const symmetric = golden('gptq/tiny-llama-gptq-w4-g64-sym')

/** Logits of the goldens' test tokens. */
export async function logitsOf(
  model: string,
  options: { compute?: 'exact' | 'fast'; memory?: 'low' } = {},
): Promise<Float32Array> {
  const ids = await readIntegers(join(actOrder, 'expected.safetensors'), 'input_ids')
  await using loaded = await AutoModelForCausalLM.fromPretrained(model, { compute: 'exact', ...options })
  return (await loaded.forward({ inputIds: [ids] })).logits
}

/** Tensors by name, those of all shards together. */
export async function allTensors(model: string): Promise<StoredTensors> {
  const files = readdirSync(model).filter((name) => /^model.*\.safetensors$/.test(name))
  const tensors = await Promise.all(
    files.map(async (name) => [...(await readTensorFile(join(model, name))).tensors]),
  )
  return new Map(tensors.flat().sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** What tells two checkpoints apart; comparing megabytes value by value takes minutes. */
export async function tensorDigests(model: string): Promise<ReadonlyMap<string, string>> {
  const tensors = [...(await allTensors(model))]
  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  return new Map(
    tensors.map(([name, { dtype, shape, bytes }]) => [name, `${dtype} ${shape} ${digest(bytes)}`]),
  )
}

export type StoredTensors = TensorFile['tensors']

export const quantizationOf = async (model: string) =>
  JSON.parse(await readFile(join(model, 'config.json'), 'utf8')).quantization_config

/** The twelve sequences that the goldens were calibrated with. */
export async function calibrationTokens(): Promise<number[][]> {
  const ids = await readIntegers(join(float, 'calibration.safetensors'), 'input_ids')
  return Array.from({ length: 12 }, (_, row) => ids.slice(row * 32, (row + 1) * 32))
}

/** Quantizes the float golden into a folder, as the goldens were unless told otherwise. */
export async function quantize(out: string, options: Partial<GPTQConfigOptions>, more: object = {}) {
  const quantizationConfig = new GPTQConfig({
    bits: 4,
    groupSize: 32,
    dampPercent: 0.01,
    actGroupAware: false,
    dataset: await calibrationTokens(),
    ...options,
  })
  return quantizeModel(float, out, { quantizationConfig, ...more })
}

/** Changes tensors and configuration of a checkpoint. */
export type Change = (tensors: StoredTensors, config: Record<string, unknown>) => void

/** A copy of the symmetric golden with changed tensors and configuration. */
export async function variant(out: string, change: Change): Promise<string> {
  cpSync(symmetric, out, { recursive: true })
  for (const file of readdirSync(out)) if (/^model|^quantize_config/.test(file)) rmSync(join(out, file))
  const tensors = await allTensors(symmetric)
  const config = JSON.parse(await readFile(join(symmetric, 'config.json'), 'utf8'))
  change(tensors, config.quantization_config)
  await writeFile(join(out, 'config.json'), JSON.stringify(config))
  await writeTensors(out, tensors)
  return out
}

/** Writes tensors as the only weight file of a folder. */
export async function writeTensors(folder: string, tensors: StoredTensors): Promise<void> {
  await writeTensorFile(join(folder, 'model.safetensors'), { tensors, metadata: { format: 'pt' } })
}

/**
 * A copy of the float golden in which one token makes the activations infinite, by finite weights: only that token has
 * something in the first dimension, and the first norm multiplies it beyond float32.
 */
export async function poisoned(out: string, token: number): Promise<string> {
  cpSync(float, out, { recursive: true })
  const tensors = await allTensors(float)
  const valuesOf = (name: string) => {
    const { bytes } = tensors.get(name)!
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  }
  const norm = valuesOf('model.layers.0.input_layernorm.weight')
  const embeddings = valuesOf('model.embed_tokens.weight')
  for (let at = 0; at < embeddings.length; at += norm.length) embeddings[at] = 0
  embeddings[token * norm.length] = 1000
  norm[0] = 3e38
  await writeTensors(out, tensors)
  return out
}
