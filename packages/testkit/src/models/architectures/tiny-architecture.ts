import type { JsonObject } from '@hfquant/core'
import type { ModelLayout } from '../layout.js'
import { gpt2Config, gpt2Layout, gptNeoxConfig, gptNeoxLayout } from './gpt.js'
import { LLAMA_VARIANTS, type LlamaVariant, llamaConfig, llamaLayout } from './llama-like.js'
import { type ArchitectureSize, DEFAULT_SIZE } from './size.js'

type LlamaName = keyof typeof LLAMA_VARIANTS

/** An architecture whose tiny checkpoint can be made. */
export type ArchitectureName = LlamaName | 'gpt2' | 'gpt_neox'

export const architectureNames: readonly ArchitectureName[] = [
  ...(Object.keys(LLAMA_VARIANTS) as LlamaName[]),
  'gpt2',
  'gpt_neox',
]

export interface TinyArchitectureOptions extends Partial<ArchitectureSize> {
  /** Whether the head shares the weight of the embedding; default: as the smallest models of the family do. */
  readonly tied?: boolean
}

/** What a checkpoint of an architecture is made of. */
export interface TinyArchitecture {
  readonly layout: ModelLayout
  /** For config.json. */
  readonly config: JsonObject
}

/**
 * A tiny model of a real architecture, with the tensor names and shapes that transformers saves. Write it with
 * `writeCheckpoint(folder, layout, { config })`.
 */
export function tinyArchitecture(
  name: ArchitectureName,
  options: TinyArchitectureOptions = {},
): TinyArchitecture {
  const { tied, ...sizes } = options
  const size = { ...DEFAULT_SIZE, ...sizes }
  if (name === 'gpt2')
    return { layout: gpt2Layout(size, tied ?? true), config: gpt2Config(size, tied ?? true) }
  if (name === 'gpt_neox') {
    return { layout: gptNeoxLayout(size, tied ?? false), config: gptNeoxConfig(size, tied ?? false) }
  }
  const variant: LlamaVariant = LLAMA_VARIANTS[name]
  const isTied = tied ?? variant.isTied ?? false
  return { layout: llamaLayout(variant, size, isTied), config: llamaConfig(variant, size, isTied) }
}
