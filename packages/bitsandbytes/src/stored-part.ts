import {
  CheckpointError,
  type Component,
  type Dtype,
  isFloatDtype,
  type QuantizedFormat,
  type StoredWeight,
} from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'

/** One tensor of a stored weight. */
export interface StoredPart {
  readonly key: string
  /** Full name, for messages. */
  readonly name: string
  readonly file: string | undefined
  readonly dtype: Dtype
  readonly shape: readonly number[]
}

/** @param path of the module that the weight belongs to. */
export function storedPart(stored: StoredWeight, path: string, key: string): StoredPart | undefined {
  const found = stored.tensors.get(key)
  if (found === undefined) return undefined
  const { dtype, shape, file, name = `${path}.${key}` } = found
  return { key, name, file, dtype, shape }
}

/** A part as it lies in the file. */
export const componentOf = ({ key, dtype, shape }: StoredPart, layout: 'rows' | 'whole'): Component => ({
  ...{ key, dtype, shape, layout },
})

/** @throws CheckpointError TENSOR_MISMATCH unless dtype and shape are as expected. */
export function expectPart(part: StoredPart, dtypes: readonly Dtype[], shape: readonly number[]): void {
  const sameShape = part.shape.length === shape.length && part.shape.every((size, i) => size === shape[i])
  if (sameShape && dtypes.includes(part.dtype)) return
  throw mismatch(part, describe(part), `${dtypes.join(' or ')} [${shape.join(', ')}]`)
}

/**
 * Reads a float part, the size of which has been checked. Nothing is read of parts that are trusted.
 *
 * @throws CheckpointError TENSOR_NOT_FINITE for a NaN or an infinity.
 */
export async function readFinite(part: StoredPart, stored: StoredWeight): Promise<Float32Array> {
  if (stored.trusted || !isFloatDtype(part.dtype)) return new Float32Array(0)
  const values = widenFloats(await stored.read(part.key), part.dtype)
  const at = values.findIndex((value) => !Number.isFinite(value))
  if (at < 0) return values
  throw new CheckpointError(
    'TENSOR_NOT_FINITE',
    `"${part.name}"${within(part)} holds ${values[at]} at element ${at}, expected finite scales`,
    { ...subject(part), found: values[at], hint: 'The file is damaged; download it again.' },
  )
}

export const mismatch = (part: StoredPart, found: string, expected: string): CheckpointError =>
  new CheckpointError('TENSOR_MISMATCH', `"${part.name}"${within(part)} is ${found}, expected ${expected}`, {
    ...subject(part),
    found,
    expected,
    hint: 'The files are damaged or belong to different models; take all of them from the same revision.',
  })

export const describe = ({ dtype, shape }: StoredPart): string => `${dtype} [${shape.join(', ')}]`

/** A weight of which a part is missing. The loader looks for it, and says in which files it was not. */
export const incompleteFormat = (key: string): QuantizedFormat => ({
  name: 'incomplete',
  components: () => [{ key, dtype: 'uint8', shape: [0] }],
  dequantize() {
    throw new TypeError(`a weight without ${key} has no values`)
  },
})

const subject = ({ name, file }: StoredPart) => ({ tensor: name, file })

const within = ({ file }: StoredPart): string => (file === undefined ? '' : ` in ${file}`)
