import { CapabilityError, CheckpointError, type JsonObject } from '@hfquant/core'
import { knownArchitectures } from '../architecture/registry.js'
import { type GgufSource, ggufReader } from './gguf-reader.js'

/**
 * The config.json of the model in a GGUF file: the inverse of what a family writes into the metadata.
 *
 * @param file named in errors.
 * @param ropeDivisors values of the tensor `rope_freqs.weight`, where there is one.
 * @throws CapabilityError GGUF_KIND for a file that holds no model of its own, GGUF_ARCHITECTURE for one that is not read,
 * GGUF_ROPE, GGUF_LAYERS, GGUF_HEADS, GGUF_EXPERTS; CheckpointError GGUF_KEY, GGUF_TENSOR.
 */
export function ggufConfig(source: GgufSource, file: string, ropeDivisors?: Float32Array): JsonObject {
  const architecture = textOf(source, 'general.architecture', file)
  const kind = textOf(source, 'general.type', file, 'model')
  if (kind !== 'model') {
    throw new CapabilityError('GGUF_KIND', `${file} holds no model but something of the type "${kind}"`, {
      ...{ file, field: 'general.type', found: kind, expected: 'model' },
      hint: 'Name the file of the model itself.',
    })
  }
  const inputs = knownArchitectures().flatMap(({ ggufInput }) => ggufInput ?? [])
  const input = inputs.find((each) => each.architecture === architecture)
  if (input === undefined) {
    const read = inputs.map((each) => each.architecture).sort()
    throw new CapabilityError(
      'GGUF_ARCHITECTURE',
      `${file} has the architecture "${architecture}"; GGUF files are read of ${read.join(', ')}`,
      {
        ...{ file, field: 'general.architecture', found: architecture, expected: read },
        hint: 'Load the model from its Hugging Face checkpoint.',
      },
    )
  }
  return input.config(ggufReader(source, architecture, file), ropeDivisors)
}

function textOf({ metadata }: GgufSource, key: string, file: string, fallback?: string): string {
  const value = metadata.get(key)?.value ?? fallback
  if (typeof value === 'string') return value
  throw new CheckpointError('GGUF_KEY', `${file} has no text "${key}"`, {
    ...{ file, field: key, found: value, expected: 'a text' },
    hint: 'Convert the model again with a current llama.cpp.',
  })
}
