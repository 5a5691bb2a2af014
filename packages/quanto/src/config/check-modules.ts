import { CheckpointError, type CheckpointHeaders, type WeightInfo } from '@hfquant/core'
import { CODES, PACKED_CODES } from '../format/layout.js'
import { MAP_FILE } from './map-file.js'
import type { ModuleMap, QuantizedTypes } from './modules.js'
import { isPacked } from './types.js'

/**
 * Refuses a map that names modules without quantized tensors.
 *
 * @throws CheckpointError TENSOR_MISSING
 */
export function checkModules(modules: ModuleMap | undefined, { tensors }: CheckpointHeaders): void {
  for (const [path, { weights }] of modules ?? []) {
    if (weights === 'none') continue
    if ([CODES, PACKED_CODES].some((key) => tensors.has(`${path}.${key}`))) continue
    const tensor = `${path}.${isPacked(weights) ? PACKED_CODES : CODES}`
    throw new CheckpointError(
      'TENSOR_MISSING',
      `${MAP_FILE.name} says that ${path} is quantized to ${weights}, and the checkpoint has no "${tensor}"`,
      { module: path, tensor, expected: weights, hint: MAP_HINT },
    )
  }
}

/**
 * What the map says of a weight with quantized tensors.
 *
 * @throws CheckpointError CONFIG_CONTRADICTS_TENSORS where it says nothing.
 */
export function typesOf({ path }: WeightInfo, modules: ModuleMap | undefined): QuantizedTypes {
  const types = modules?.get(path)
  if (types !== undefined && types.weights !== 'none') return types as QuantizedTypes
  throw new CheckpointError(
    'CONFIG_CONTRADICTS_TENSORS',
    `the checkpoint has quantized tensors of ${path}, which ${MAP_FILE.name} does not name`,
    {
      module: path,
      field: path,
      found: 'no entry',
      expected: 'an entry with the type of its weights',
      hint: MAP_HINT,
    },
  )
}

const MAP_HINT = `Take ${MAP_FILE.name} and the weights from the same revision.`
