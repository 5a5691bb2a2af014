import type { SavedTensor } from '@hfquant/core'
import { pythonJson } from './encoding/python-json.js'
import { formatDocument, isTorchAoFormat, PLAIN_DOCUMENT } from './tensors/torchao-format.js'

/**
 * Header entries of a checkpoint in torchao's safetensors layout: a document for each original tensor name in model
 * order, then the names. Every shard carries all of them.
 */
export function checkpointMetadata(tensors: readonly SavedTensor[]): Record<string, string> {
  const documents = new Map<string, string>()
  for (const { name, quantized } of tensors) {
    if (quantized === undefined || !isTorchAoFormat(quantized.format)) documents.set(name, PLAIN_DOCUMENT)
    else documents.set(`${quantized.weight.path}.weight`, formatDocument(quantized.format.document))
  }
  return { ...Object.fromEntries(documents), tensor_names: pythonJson([...documents.keys()]) }
}
