import { CapabilityError, type JsonObject } from '@hfquant/core'
import type { ModelDescription } from '@hfquant/models'
import { unknownFamily } from '../unknown-family.js'

/**
 * `@huggingface/transformers` chooses the class of a model, and the shape of its cache, by `model_type`.
 *
 * @throws CapabilityError EXPORT_ARCHITECTURE for a family that it does not know, EXPORT_MODEL_TYPE for a config.json
 * that it would refuse, EXPORT_CACHE for layers whose caches differ in shape.
 */
export function checkExportable(model: ModelDescription, config: JsonObject): void {
  const { name, onnxModelTypes, facts } = model
  if (onnxModelTypes.length === 0) {
    throw unknownFamily(name, 'ONNX', (architecture) => architecture.onnxModelTypes.length > 0)
  }
  const { model_type: type } = config
  if (typeof type !== 'string' || !onnxModelTypes.includes(type)) {
    throw new CapabilityError(
      'EXPORT_MODEL_TYPE',
      `model_type is ${JSON.stringify(type)}, expected ${onnxModelTypes.join(' or ')}`,
      {
        field: 'model_type',
        found: type,
        expected: onnxModelTypes,
        hint: 'Set it in config.json: @huggingface/transformers chooses the class of a model by it.',
      },
    )
  }
  if (new Set(facts.layers.map((layer) => JSON.stringify({ ...layer, window: 0 }))).size > 1) {
    throw new CapabilityError(
      'EXPORT_CACHE',
      `${name} has layers with caches of different shapes, which ONNX folders have not`,
      {
        field: 'model_type',
        found: type,
        hint: 'Save it as a folder of safetensors instead: hfquant runs it from there.',
      },
    )
  }
}
