import { widenFloats } from '@hfquant/kernels'
import type { Component, QuantizedFormat, WeightInfo } from '../contract/format.js'
import type { StoredWeight } from '../contract/quantizer.js'
import type { Dtype, FloatDtype } from '../contract/tensor.js'
import { CheckpointError } from '../errors/families.js'

/** One tensor of a stored weight. */
export interface StoredPart {
  readonly key: string
  /** Full name in the file. */
  readonly name: string
  readonly file: string | undefined
  readonly dtype: Dtype
  readonly shape: readonly number[]
}

/** What an error about a tensor says. */
export interface TensorProblem {
  readonly found: unknown
  readonly expected: unknown
  readonly hint?: string
}

/** An element of a tensor that no undamaged file has. */
export interface DamagedElement {
  readonly found: number
  /** Its place in the order of the file. */
  readonly at: number
  readonly expected: string
}

/** The tensors below a module, checked one by one with errors that name module, tensor and file. */
export interface StoredTensors {
  /** True while nothing has to be read to be checked; see StoredWeight. */
  readonly trusted: boolean
  /** Of all but the bias, in the order of the file: what is not needed is kept, so that what is saved is what was loaded. */
  readonly keys: readonly string[]
  has(key: string): boolean
  find(key: string): StoredPart | undefined
  /** @throws CheckpointError TENSOR_MISSING */
  part(key: string): StoredPart
  /** @throws CheckpointError TENSOR_MISSING; TENSOR_MISMATCH unless dtype and shape are as expected. */
  expect(key: string, dtypes: readonly Dtype[], shape: readonly number[], hint?: string): StoredPart
  /** Bytes of a small tensor. */
  read(key: string): Promise<Uint8Array>
  /**
   * Float32 values of a float tensor; none of a trusted one, which is not read.
   *
   * @throws CheckpointError TENSOR_NOT_FINITE for a NaN or an infinity.
   */
  finite(key: string): Promise<Float32Array>
  /** A tensor as the file has it. */
  component(key: string, layout?: Component['layout']): Component
  /** `"tensor" in file is … , expected …`, to be thrown. */
  mismatch(key: string, problem: TensorProblem): CheckpointError
  /** An error of another code, with a sentence of its own behind the name of the tensor. */
  wrong(code: string, key: string, sentence: string, problem: TensorProblem): CheckpointError
  /** `"tensor" in file holds … at element …, expected …`, to be thrown. */
  damaged(code: string, key: string, element: DamagedElement): CheckpointError
}

/** @param names full names of tensors, for keys whose tensors have others than `${path}.${key}`. */
export function storedTensors(
  { path }: Pick<WeightInfo, 'path'>,
  stored: StoredWeight,
  names: (key: string) => string | undefined = (key) => stored.tensors.get(key)?.name,
): StoredTensors {
  const nameOf = (key: string) => names(key) ?? `${path}.${key}`
  const find = (key: string): StoredPart | undefined => {
    const found = stored.tensors.get(key)
    if (found === undefined) return undefined
    const { dtype, shape, file } = found
    return { key, name: nameOf(key), file, dtype, shape }
  }
  const part = (key: string): StoredPart => {
    const found = find(key)
    if (found !== undefined) return found
    const files = stored.files === undefined ? '' : ` (${stored.files.join(', ')})`
    throw new CheckpointError(
      'TENSOR_MISSING',
      `"${nameOf(key)}" is in none of the checkpoint's files${files}: a part of the quantized weight of ${path} is missing`,
      { module: path, tensor: nameOf(key), hint: 'The download may be incomplete.' },
    )
  }
  const wrong = (code: string, key: string, sentence: string, problem: TensorProblem): CheckpointError => {
    const file = stored.tensors.get(key)?.file
    const where = file === undefined ? '' : ` in ${file}`
    const { found, expected, hint = TAKE_ALL } = problem
    const subject = { module: path, tensor: nameOf(key), file }
    return new CheckpointError(code, `"${nameOf(key)}"${where} ${sentence}`, {
      ...{ ...subject, found, expected, hint },
    })
  }
  const mismatch = (key: string, problem: TensorProblem): CheckpointError =>
    wrong('TENSOR_MISMATCH', key, `is ${problem.found}, expected ${problem.expected}`, problem)
  const damaged = (code: string, key: string, { found, at, expected }: DamagedElement): CheckpointError =>
    wrong(code, key, `holds ${found} at element ${at}, expected ${expected}`, {
      ...{ found, expected, hint: 'The file is damaged; download it again.' },
    })
  return {
    trusted: stored.trusted ?? false,
    keys: [...stored.tensors.keys()].filter((key) => key !== 'bias'),
    has: (key) => stored.tensors.has(key),
    find,
    part,
    expect(key, dtypes, shape, hint) {
      const found = part(key)
      if (dtypes.includes(found.dtype) && sameShape(found.shape, shape)) return found
      const expected = `${dtypes.join(' or ')} [${shape.join(', ')}]`
      throw mismatch(key, { found: describePart(found), expected, ...(hint && { hint }) })
    },
    read: (key) => stored.read(key),
    async finite(key) {
      if (stored.trusted) return new Float32Array(0)
      const values = widenFloats(await stored.read(key), part(key).dtype as FloatDtype)
      const at = firstNotFinite(values)
      if (at === undefined) return values
      throw damaged('TENSOR_NOT_FINITE', key, { found: values[at]!, at, expected: 'finite numbers' })
    },
    component(key, layout = 'rows') {
      const { dtype, shape } = part(key)
      return { key, dtype, shape, layout }
    },
    mismatch,
    wrong,
    damaged,
  }
}

const TAKE_ALL =
  'config.json and the weights describe different models; take all files from the same revision.'

/** A dtype and a shape, as messages have them: "float16 [2, 64]". */
export const describePart = ({ dtype, shape }: Pick<StoredPart, 'dtype' | 'shape'>): string =>
  `${dtype} [${shape.join(', ')}]`

/** All scales of a model are read before its weights, so this is a loop: `findIndex` calls a function for each. */
function firstNotFinite(values: Float32Array): number | undefined {
  for (let at = 0; at < values.length; at++) if (!Number.isFinite(values[at]!)) return at
  return undefined
}

export const sameShape = (found: readonly number[], expected: readonly number[]): boolean =>
  found.length === expected.length && found.every((size, axis) => size === expected[axis])

/** A weight of which a part is missing. The loader looks for it, and says in which files it was not. */
export const incompleteFormat = (key: string): QuantizedFormat => ({
  name: 'incomplete',
  components: () => [{ key, dtype: 'uint8', shape: [0] }],
  dequantize() {
    throw new TypeError(`a weight without ${key} has no values`)
  },
})
