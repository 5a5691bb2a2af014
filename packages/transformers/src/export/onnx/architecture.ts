import { CapabilityError, type JsonObject, type Shell } from '@hfquant/core'
import type { Graph } from '@hfquant/onnx'
import type { Architecture, DecoderConfig } from '../../models/architecture.js'
import type { LowerLinear } from './linear.js'
import { llamaOnnx } from './llama.js'
import type { OnnxFloat } from './onnx-type.js'

export interface OnnxContext {
  readonly graph: Graph
  /** Of everything between token ids and logits; those are float32 always. */
  readonly float: OnnxFloat
  readonly linear: LowerLinear
}

/** How an architecture is computed behind the inputs and outputs that the library expects. */
export interface OnnxArchitecture<Config extends DecoderConfig = DecoderConfig> {
  /** Values of `model_type` that make the library treat the folder as a plain decoder with such a cache. */
  readonly modelTypes: readonly string[]
  lower(shell: Shell, config: Config, context: OnnxContext): void
}

/** By `Architecture.name`. */
const ARCHITECTURES: ReadonlyMap<string, OnnxArchitecture> = new Map([
  ['LlamaForCausalLM', llamaOnnx as unknown as OnnxArchitecture],
])

/** @throws CapabilityError EXPORT_ARCHITECTURE, or EXPORT_MODEL_TYPE for a config.json that the library would refuse. */
export function onnxArchitecture({ name }: Architecture, config: JsonObject): OnnxArchitecture {
  const found = ARCHITECTURES.get(name)
  if (found === undefined) {
    const known = [...ARCHITECTURES.keys()]
    throw new CapabilityError(
      'EXPORT_ARCHITECTURE',
      `${name} cannot be exported to ONNX, only ${known.join(', ')}`,
      {
        field: 'architectures',
        found: name,
        expected: known,
      },
    )
  }
  const { model_type: type } = config
  if (typeof type === 'string' && found.modelTypes.includes(type)) return found
  throw new CapabilityError(
    'EXPORT_MODEL_TYPE',
    `model_type is ${JSON.stringify(type)}, expected ${found.modelTypes.join(' or ')}`,
    {
      field: 'model_type',
      found: type,
      expected: found.modelTypes,
      hint: 'Set it in config.json: @huggingface/transformers chooses the class of a model by it.',
    },
  )
}
