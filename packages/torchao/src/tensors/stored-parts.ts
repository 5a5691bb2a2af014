import {
  CheckpointError,
  type Dtype,
  type FloatDtype,
  isFloatDtype,
  type StoredWeight,
  type WeightInfo,
} from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import type { ScaleBlock } from '../configs/granularity.js'
import { badAttribute } from './document-fields.js'
import { componentKey, type TensorDocument } from './torchao-format.js'

/** One tensor of a stored weight. */
export interface Part {
  readonly key: string
  readonly name: string
  readonly file: string | undefined
  readonly dtype: Dtype
  readonly shape: readonly number[]
}

/** A stored weight: what its document says, and the tensors that the document names. */
export interface StoredParts {
  /** Original name, "model.layers.0.mlp.up_proj.weight". */
  readonly tensor: string
  readonly weight: WeightInfo
  readonly document: TensorDocument
  part(name: string): Part
  has(name: string): boolean
  /** See StoredWeight. */
  readonly trusted: boolean
  read(part: Part): Promise<Uint8Array>
}

/** @throws CheckpointError TENSOR_MISSING for a part that no file holds. */
export function openParts(
  document: TensorDocument,
  weight: WeightInfo,
  stored: StoredWeight,
  tensor: string,
): StoredParts {
  const { dataNames } = document
  const parts = new Map(
    dataNames.map((dataName) => {
      const key = componentKey(dataName)
      const found = stored.tensors.get(key)
      const name = `${tensor.slice(0, tensor.lastIndexOf('.'))}.${key}`
      if (found === undefined) {
        const files = stored.files === undefined ? '' : ` (${stored.files.join(', ')})`
        throw new CheckpointError(
          'TENSOR_MISSING',
          `"${name}" is in none of the checkpoint's files${files}: a part of the quantized weight "${tensor}" is missing`,
          { tensor: name, expected: dataNames, hint: 'The download may be incomplete.' },
        )
      }
      return [dataName, { key, name, file: found.file, dtype: found.dtype, shape: found.shape }]
    }),
  )
  return {
    tensor,
    weight,
    document,
    part: (name) => parts.get(name)!,
    has: (name) => parts.has(name),
    trusted: stored.trusted ?? false,
    read: ({ key }) => stored.read(key),
  }
}

/**
 * `block_size` of a weight with K columns: [1, g] with g dividing K, and [N, K] for one scale in all where
 * `shared` allows it.
 */
export function readBlock({ document, weight, tensor }: StoredParts, shared: boolean): ScaleBlock {
  const block: unknown = document.fields.block_size
  const { outFeatures, inFeatures } = weight
  const [rows, columns] = Array.isArray(block) && block.length === 2 ? (block as unknown[]) : []
  const whole = rows === outFeatures && columns === inFeatures && outFeatures > 1
  if (shared && whole) return { groupSize: inFeatures, shared: true }
  const fits =
    rows === 1 &&
    typeof columns === 'number' &&
    Number.isSafeInteger(columns) &&
    columns > 0 &&
    inFeatures % columns === 0
  if (fits) return { groupSize: columns, shared: false }
  const expected = `[1, a divisor of ${inFeatures}]${shared ? ` or [${outFeatures}, ${inFeatures}]` : ''}`
  throw badAttribute(tensor, 'block_size', block, expected)
}

export const FLOAT_SCALES: readonly FloatDtype[] = ['float32', 'bfloat16', 'float16']

/** @throws CheckpointError TENSOR_MISMATCH. */
export function expectTensor(part: Part, dtypes: readonly Dtype[], shape: readonly number[]): void {
  const sameShape = part.shape.length === shape.length && part.shape.every((size, i) => size === shape[i])
  if (sameShape && dtypes.includes(part.dtype)) return
  const found = `${part.dtype} [${part.shape}]`
  const expected = `${dtypes.join(' or ')} [${shape}]`
  throw new CheckpointError(
    'TENSOR_MISMATCH',
    `"${part.name}"${within(part)} is ${found}, expected ${expected}`,
    {
      tensor: part.name,
      file: part.file,
      found,
      expected,
      hint: 'config.json and the weights describe different models; take both from the same revision.',
    },
  )
}

/** A float tensor of the shape, all of it finite. @throws CheckpointError TENSOR_MISMATCH or TENSOR_NOT_FINITE. */
export async function expectFinite(
  parts: StoredParts,
  part: Part,
  dtypes: readonly FloatDtype[],
  shape: readonly number[],
): Promise<FloatDtype> {
  expectTensor(part, dtypes, shape)
  const dtype = part.dtype as FloatDtype
  if (parts.trusted) return dtype
  const values = widenFloats(await parts.read(part), dtype)
  const at = values.findIndex((value) => !Number.isFinite(value))
  if (at < 0 && isFloatDtype(dtype)) return dtype
  throw new CheckpointError(
    'TENSOR_NOT_FINITE',
    `"${part.name}"${within(part)} holds ${values[at]} at element ${at}, expected finite numbers`,
    {
      tensor: part.name,
      file: part.file,
      found: values[at],
      hint: 'The file is damaged; download it again.',
    },
  )
}

/** @throws CheckpointError CODE_OUT_OF_RANGE for a zero point that is no code. */
export async function readZeroPoints(
  parts: StoredParts,
  part: Part,
  bits: number,
): Promise<'zeros' | 'values'> {
  if (parts.trusted) return 'zeros'
  const bytes = await parts.read(part)
  const zeros = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const half = 2 ** (bits - 1)
  const beyond = zeros.find((zero) => zero < -half || zero >= half)
  if (beyond === undefined) return zeros.every((zero) => zero === 0) ? 'zeros' : 'values'
  const expected = `${-half} to ${half - 1}`
  throw new CheckpointError(
    'CODE_OUT_OF_RANGE',
    `"${part.name}"${within(part)} holds ${beyond}, expected ${expected}`,
    {
      tensor: part.name,
      file: part.file,
      found: beyond,
      expected,
      hint: 'The file is damaged; download it again.',
    },
  )
}

const within = ({ file }: Part): string => (file === undefined ? '' : ` in ${file}`)
