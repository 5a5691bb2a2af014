import { CapabilityError } from '@hfquant/core'
import { type ConfigReader, invalidField } from './config-reader.js'
import type { Sizes } from './read-sizes.js'

/** Whether a layer attends to all tokens before, or to the last ones of a window. */
export type LayerKind = 'full_attention' | 'sliding_attention'

/**
 * The kind of each layer: `layer_types`, whatever the family's pattern is, or else that pattern.
 *
 * @param pattern whether layer `index` slides where the file has no `layer_types`.
 * @throws CapabilityError LAYER_TYPE for a kind that is not offered.
 */
export function readLayerKinds(
  read: ConfigReader,
  layers: number,
  pattern: (index: number) => boolean,
): readonly LayerKind[] {
  const { layer_types: listed } = read.json
  if (listed === undefined || listed === null) {
    return Array.from({ length: layers }, (_, index) => kindOf(pattern(index)))
  }
  if (!Array.isArray(listed) || listed.length < layers) {
    throw invalidField('layer_types', listed, `a list with the kind of each of ${layers} layers`)
  }
  return listed.slice(0, layers).map((kind: unknown) => {
    if (kind === 'attention') return 'full_attention'
    if (kind === 'full_attention' || kind === 'sliding_attention') return kind
    throw new CapabilityError(
      'LAYER_TYPE',
      `layer_types holds ${JSON.stringify(kind)}, which is not offered`,
      {
        field: 'layer_types',
        found: kind,
        expected: ['full_attention', 'sliding_attention'],
        hint: 'A package can define the architecture with layers of that kind.',
      },
    )
  })
}

const kindOf = (slides: boolean): LayerKind => (slides ? 'sliding_attention' : 'full_attention')

/** Every layer slides but each `period`-th. */
export const slidesUnlessEvery =
  (period: number) =>
  (index: number): boolean =>
    (index + 1) % period !== 0

/**
 * Windows of a family whose layers all slide unless `layer_types` says otherwise.
 *
 * @param fallback tokens where the field is missing.
 */
export const readEveryWindow = (
  read: ConfigReader,
  { layers, positions }: Pick<Sizes, 'layers' | 'positions'>,
  fallback?: number,
): readonly (number | undefined)[] =>
  readWindows(
    read,
    readLayerKinds(read, layers, () => true),
    positions,
    fallback,
  )

/** The same where windows are switched on by a field of their own, for layers from `max_window_layers` on. */
export function readUpperWindows(
  read: ConfigReader,
  { layers, positions }: Pick<Sizes, 'layers' | 'positions'>,
): readonly (number | undefined)[] {
  const slides = read.flag('use_sliding_window')
  const first = read.number('max_window_layers', 28)
  const kinds = readLayerKinds(read, layers, (index) => slides && index >= first)
  return slides ? readWindows(read, kinds, positions, 4096) : []
}

/**
 * `sliding_window` of the layers that slide.
 *
 * @param fallback tokens where the field is missing; null there means that nothing slides.
 */
export function readWindows(
  read: ConfigReader,
  kinds: readonly LayerKind[],
  positions: number,
  fallback?: number,
): readonly (number | undefined)[] {
  const { sliding_window: given } = read.json
  const window =
    given === undefined ? fallback : given === null || given === 0 ? undefined : read.size('sliding_window')
  // A window that no sequence outgrows is none.
  const shows = window !== undefined && window < positions
  return kinds.map((kind) => (shows && kind === 'sliding_attention' ? window : undefined))
}
