import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openSafetensors } from '@hfquant/safetensors'

/** An entity: start and end in code points, then in UTF-16 units, text, label, score. */
export type GoldenEntity = readonly [number, number, number, number, string, string, number]

export interface GoldenCase {
  readonly name: string
  readonly texts: readonly string[]
  readonly labels: string | readonly string[] | readonly (readonly string[])[]
  readonly threshold: number
  readonly flat_ner: boolean
  readonly multi_label: boolean
  readonly input_spans?: readonly (readonly { readonly start: number; readonly end: number }[])[]
  readonly return_class_probs?: boolean
  readonly entities: readonly (readonly GoldenEntity[])[]
  readonly class_probs?: readonly (readonly Readonly<Record<string, number>>[])[]
}

export interface GoldenInput {
  readonly text: string
  readonly labels: string
  readonly word_count: number
  readonly input_ids: readonly number[]
  readonly words_mask: readonly number[]
  /** Start and end in code points, then in UTF-16 units. */
  readonly words?: readonly (readonly [number, number, number, number])[]
  readonly labels_input_ids?: readonly (readonly number[])[]
}

export interface VanishedWords {
  readonly text: string
  readonly labels: readonly string[]
  readonly threshold: number
  readonly input_ids: readonly number[]
  readonly corrected: {
    readonly words_mask: readonly number[]
    readonly entities: readonly GoldenEntity[]
  }
}

/** What the Python library answers. */
export interface GoldenGliner {
  readonly texts: Readonly<Record<string, string>>
  readonly label_sets: Readonly<Record<string, readonly string[]>>
  readonly inputs: Readonly<Record<string, GoldenInput>>
  readonly cases: readonly GoldenCase[]
  readonly vanished_words?: readonly VanishedWords[]
  readonly mixed_batch?: {
    readonly texts: readonly string[]
    readonly labels: readonly (readonly string[])[]
    readonly threshold: readonly number[]
    readonly flat_ner: readonly boolean[]
    readonly multi_label: readonly boolean[]
    readonly entities: readonly (readonly GoldenEntity[])[]
  }
}

export const goldenFolder = (name: string): string =>
  fileURLToPath(new URL(`../../../../goldens/gliner/${name}`, import.meta.url))

export const readGolden = (name: string): GoldenGliner =>
  JSON.parse(readFileSync(join(goldenFolder(name), 'expected.json'), 'utf8'))

/** Float tensors of expected.safetensors whose names begin with `prefix`, by the rest of their names. */
export async function goldenTensors(
  name: string,
  prefix: string,
): Promise<ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>> {
  await using file = await openSafetensors(join(goldenFolder(name), 'expected.safetensors'))
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>()
  for (const [tensor, { shape }] of file.tensors) {
    if (!tensor.startsWith(prefix)) continue
    const data = new Float32Array((await file.read(tensor)).slice().buffer)
    tensors.set(tensor.slice(prefix.length), { shape, data })
  }
  return tensors
}
