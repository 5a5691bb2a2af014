import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CapabilityError } from '@hfquant/core'
import { holdsOtherWeights, isGguf } from '../gguf/find-gguf.js'

/**
 * Refuses a folder that holds a compiled graph and no weights: there is nothing in it to load or to quantize, whatever
 * else was asked for. A path that is no folder passes, for others to judge.
 *
 * @throws CapabilityError MODEL_COMPILED_ONLY naming the graph.
 */
export async function refuseCompiled(folder: string): Promise<void> {
  if (typeof folder !== 'string') return
  const names = await namesIn(folder)
  if (names.some((name) => isGguf(name) || holdsOtherWeights(name))) return
  const beside = names.includes('onnx') ? await namesIn(join(folder, 'onnx')) : []
  const graph = [...names, ...beside.map((name) => join('onnx', name))].find((name) => name.endsWith('.onnx'))
  if (graph === undefined) return
  throw new CapabilityError(
    'MODEL_COMPILED_ONLY',
    `${folder} holds a compiled graph (${graph}) and no weights, so it can be neither loaded nor quantized`,
    {
      file: join(folder, graph),
      expected: ['model.safetensors', 'model.safetensors.index.json'],
      hint: 'Quantize the checkpoint that it was compiled from, and compile the result.',
    },
  )
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])
