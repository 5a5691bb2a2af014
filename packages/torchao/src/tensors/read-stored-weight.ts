import {
  CheckpointError,
  type Dtype,
  type FloatDtype,
  isFloatDtype,
  type StoredWeight,
  type WeightInfo,
} from '@hfquant/core'
import { runKernel } from '@hfquant/kernels'
import { badAttribute } from './document-fields.js'
import type { StoredCodes, TensorClass } from './tensor-class.js'
import { componentKey, type TensorDocument } from './torchao-format.js'

/**
 * Checks the parts of a stored weight against its document: present, of the right dtype and shape, scales finite, zero
 * points within the range of the codes.
 *
 * @param tensor original name of the weight.
 * @throws CheckpointError that names part and file.
 */
export async function readStoredCodes(
  document: TensorDocument,
  known: TensorClass,
  { outFeatures, inFeatures }: WeightInfo,
  stored: StoredWeight,
  tensor: string,
): Promise<StoredCodes> {
  const bits = known.bits(document.fields, tensor)
  const groupSize = readGroupSize(document, inFeatures, tensor)
  const parts = findParts(document, stored, tensor)
  const scales = [outFeatures, inFeatures / groupSize]
  expectTensor(parts.get('qdata')!, ['int8'], [outFeatures, inFeatures])
  expectTensor(parts.get('scale')!, ['float32', 'bfloat16', 'float16'], scales)
  await expectFinite(parts.get('scale')!, stored)
  const zeros = parts.get('zero_point')
  if (zeros !== undefined) expectTensor(zeros, ['int8'], scales)
  return {
    inFeatures,
    groupSize,
    scaleDtype: parts.get('scale')!.dtype as FloatDtype,
    zeroPoint: zeros === undefined ? 'absent' : await readZeroPoints(zeros, bits, stored),
  }
}

interface Part {
  readonly key: string
  readonly name: string
  readonly file: string | undefined
  readonly dtype: Dtype
  readonly shape: readonly number[]
}

function findParts(
  { dataNames }: TensorDocument,
  { tensors }: StoredWeight,
  tensor: string,
): ReadonlyMap<string, Part> {
  return new Map(
    dataNames.map((dataName) => {
      const key = componentKey(dataName)
      const found = tensors.get(key)
      const name = `${tensor.slice(0, tensor.lastIndexOf('.'))}.${key}`
      if (found === undefined) {
        throw new CheckpointError(
          'TENSOR_MISSING',
          `"${name}" is in none of the checkpoint's files: a part of the quantized weight "${tensor}" is missing`,
          { tensor: name, expected: dataNames, hint: 'The download may be incomplete.' },
        )
      }
      return [dataName, { key, name, file: found.file, dtype: found.dtype, shape: found.shape }]
    }),
  )
}

/** `block_size` [1, g] of a weight with K columns, g dividing K. */
function readGroupSize({ fields }: TensorDocument, inFeatures: number, tensor: string): number {
  const block = fields.block_size
  const [rows, columns] = Array.isArray(block) ? block : []
  const fits =
    Array.isArray(block) &&
    block.length === 2 &&
    rows === 1 &&
    Number.isSafeInteger(columns) &&
    columns > 0 &&
    inFeatures % columns === 0
  if (!fits) throw badAttribute(tensor, 'block_size', block, `[1, a divisor of ${inFeatures}]`)
  return columns
}

function expectTensor(part: Part, dtypes: readonly string[], shape: readonly number[]): void {
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

async function expectFinite(part: Part, stored: StoredWeight): Promise<void> {
  const bytes = await stored.read(part.key)
  if (!isFloatDtype(part.dtype)) return
  const values = new Float32Array(part.shape.reduce((product, size) => product * size, 1))
  runKernel('cast', { from: part.dtype, to: 'float32' }, [bytes], [new Uint8Array(values.buffer)])
  const at = values.findIndex((value) => !Number.isFinite(value))
  if (at < 0) return
  throw new CheckpointError(
    'TENSOR_NOT_FINITE',
    `"${part.name}"${within(part)} holds ${values[at]} at element ${at}, expected finite scales`,
    {
      tensor: part.name,
      file: part.file,
      found: values[at],
      hint: 'The file is damaged; download it again.',
    },
  )
}

async function readZeroPoints(part: Part, bits: number, stored: StoredWeight): Promise<'zeros' | 'values'> {
  const bytes = await stored.read(part.key)
  const zeros = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const half = 2 ** (bits - 1)
  const beyond = zeros.find((zero) => zero < -half || zero >= half)
  if (beyond !== undefined) {
    throw new CheckpointError(
      'CODE_OUT_OF_RANGE',
      `"${part.name}"${within(part)} holds ${beyond}, expected ${-half} to ${half - 1}`,
      {
        tensor: part.name,
        file: part.file,
        found: beyond,
        expected: `${-half} to ${half - 1}`,
        hint: 'The file is damaged; download it again.',
      },
    )
  }
  return zeros.every((zero) => zero === 0) ? 'zeros' : 'values'
}

const within = ({ file }: Part): string => (file === undefined ? '' : ` in ${file}`)
