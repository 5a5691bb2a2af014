import { tensorBytes } from '../shell/dtype.js'
import { writeRange } from './byte-range.js'
import { readTensor } from './checkpoint.js'
import { componentRows } from './component-rows.js'
import type { PackedWeight } from './plan.js'
import type { Place } from './store.js'

/**
 * Makes the components of one weight of those that another method has of it. A weight is in memory in both forms, and its
 * codes between them, a byte each.
 *
 * @param places by component key.
 */
export async function packWeight(
  { module, form, parts }: PackedWeight,
  places: ReadonlyMap<string, Place>,
): Promise<void> {
  const { info: weight, format, components } = module
  const stored = new Map<string, Uint8Array>()
  for (const [key, source] of parts) stored.set(key, await readTensor(source))
  const made = new Map(
    components.map(({ key, dtype, shape }) => [key, new Uint8Array(tensorBytes(dtype, shape))]),
  )
  format.pack!(form.unpack(componentRows(stored), weight), componentRows(made), weight)
  for (const [key, bytes] of made) await writeRange(places.get(key)!.target, bytes)
}

/** Bytes that a weight is made of. */
export const bytesOfParts = ({ parts }: PackedWeight): number =>
  [...parts.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
