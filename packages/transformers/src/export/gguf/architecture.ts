import { CapabilityError, type LoadedModel } from '@hfquant/core'
import type { Architecture, DecoderConfig } from '../../models/architecture.js'
import type { GgufMetadata } from './encode-header.js'
import type { GgufTensor } from './encode-tensor.js'
import { llamaGguf } from './llama.js'

/** What llama.cpp calls the parts of an architecture, and how it wants them. */
export interface GgufArchitecture<Config extends DecoderConfig = DecoderConfig> {
  /** `general.architecture`, and the prefix of its keys. */
  readonly name: string
  /** Sizes and constants, by full key. */
  metadata(config: Config): GgufMetadata
  /** Every tensor of the file, tokenizer and computed ones aside; a tied output matrix is left out. */
  tensors(model: Pick<LoadedModel, 'shell'>, config: Config): readonly GgufTensor[]
  /** The matrix that makes the logits. */
  outputMatrix(config: Config): string
}

/** By `Architecture.name`. */
const ARCHITECTURES: ReadonlyMap<string, GgufArchitecture> = new Map([
  ['LlamaForCausalLM', llamaGguf as unknown as GgufArchitecture],
])

/** @throws CapabilityError EXPORT_ARCHITECTURE */
export function ggufArchitecture({ name }: Architecture): GgufArchitecture {
  const found = ARCHITECTURES.get(name)
  if (found !== undefined) return found
  const known = [...ARCHITECTURES.keys()]
  throw new CapabilityError(
    'EXPORT_ARCHITECTURE',
    `${name} cannot be exported to GGUF, only ${known.join(', ')}`,
    {
      field: 'architectures',
      found: name,
      expected: known,
    },
  )
}
