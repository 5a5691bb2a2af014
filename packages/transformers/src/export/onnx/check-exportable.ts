import { CapabilityError, type JsonObject } from '@hfquant/core'
import type { ModelDescription } from '@hfquant/models'
import { unknownFamily } from '../unknown-family.js'

/**
 * `@huggingface/transformers` chooses the class of a model, and the names of its caches, by `model_type`; their shapes are
 * those of the graph.
 *
 * @throws CapabilityError EXPORT_ARCHITECTURE for a family that it does not know, EXPORT_MODEL_TYPE for a config.json
 * that it would refuse.
 */
export function checkExportable(model: ModelDescription, config: JsonObject): void {
  const { name, onnxModelTypes } = model
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
}
