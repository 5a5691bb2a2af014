import {
  CheckpointError,
  type Component,
  isFloatDtype,
  type QuantizedFormat,
  type Skip,
  type StoredTensor,
  type StoredWeight,
  skip,
  type WeightInfo,
} from '@hfquant/core'
import type { Float8Dtype } from '@hfquant/kernels'
import { float8Format } from './float8-format.js'
import { type Float8Layout, isScaleDtype, readScales, SCALE_DTYPES, SCALE_KEYS, WEIGHT } from './layout.js'

/** What a configuration says about weights. */
interface Promised {
  readonly codeDtype: Float8Dtype
  /** null for scales of rows or of whole weights. */
  readonly block: readonly [number, number] | null
}

/**
 * The format of a stored weight; a module with a float weight stays as it is.
 *
 * @throws CheckpointError TENSOR_MISSING for a scale, TENSOR_MISMATCH, TENSOR_NOT_FINITE or SCALE_INVALID for scales.
 */
export async function storedFormat(
  weight: WeightInfo,
  stored: StoredWeight,
  { codeDtype, block: promised }: Promised,
): Promise<QuantizedFormat | Skip> {
  const { path, outFeatures, inFeatures } = weight
  const codes = stored.tensors.get(WEIGHT)
  const scaleKey = SCALE_KEYS.find((key) => stored.tensors.has(key))
  if (codes === undefined) throw missing(`${path}.${WEIGHT}`, stored)
  if (scaleKey === undefined && isFloatDtype(codes.dtype)) return skip('is stored in float')
  const shape = [outFeatures, inFeatures]
  if (codes.dtype !== codeDtype || `${codes.shape}` !== `${shape}`)
    throw mismatch(`${path}.${WEIGHT}`, codes, `${codeDtype} [${shape.join(', ')}]`)
  if (scaleKey === undefined) throw missing(`${path}.${SCALE_KEYS[0]}`, stored)
  const scales = stored.tensors.get(scaleKey)!
  const block = blockOf(scales.shape, weight, promised)
  if (block === undefined || !isScaleDtype(scales.dtype))
    throw mismatch(`${path}.${scaleKey}`, scales, expectedScales(weight, promised))
  if (!stored.trusted) {
    const values = readScales(await stored.read(scaleKey), scales.dtype)
    const at = values.findIndex((value) => !(value > 0 && Number.isFinite(value)))
    if (at >= 0) throw invalidScale(`${path}.${scaleKey}`, scales, values[at]!, at)
  }
  const layout: Float8Layout = {
    ...{ codeDtype, block, scaleKey, scaleDtype: scales.dtype },
    components: [...stored.tensors].flatMap(([key, part]) => componentOf(key, part)),
  }
  return float8Format(layout, weight)
}

/** Scales of activations and the like are kept as well, so that what is saved is what was loaded. */
const componentOf = (key: string, { dtype, shape }: StoredTensor): readonly Component[] =>
  key === 'bias' ? [] : [{ key, dtype, shape, layout: key === WEIGHT ? 'rows' : 'whole' }]

/** Rows and columns that share a scale: the shape of the scales decides. */
function blockOf(
  shape: readonly number[],
  weight: WeightInfo,
  promised: readonly [number, number] | null,
): readonly [number, number] | undefined {
  const { outFeatures, inFeatures } = weight
  if (promised !== null && `${shape}` === `${gridOf(weight, promised)}`) return promised
  if (shape.length === 0 || `${shape}` === '1') return [Number.POSITIVE_INFINITY, inFeatures]
  return `${shape}` === `${[outFeatures, 1]}` || `${shape}` === `${outFeatures}` ? [1, inFeatures] : undefined
}

const gridOf = ({ outFeatures, inFeatures }: WeightInfo, [rows, columns]: readonly [number, number]) => [
  Math.ceil(outFeatures / rows),
  Math.ceil(inFeatures / columns),
]

function expectedScales(weight: WeightInfo, block: readonly [number, number] | null): string {
  const shape =
    block === null ? `[], [1] or [${weight.outFeatures}, 1]` : `[${gridOf(weight, block).join(', ')}]`
  return `${SCALE_DTYPES.join(', ')} ${shape}`
}

const within = ({ file }: StoredTensor): string => (file === undefined ? '' : ` in ${file}`)

function mismatch(tensor: string, part: StoredTensor, expected: string): CheckpointError {
  const found = `${part.dtype} [${part.shape.join(', ')}]`
  return new CheckpointError(
    'TENSOR_MISMATCH',
    `"${tensor}"${within(part)} is ${found}, expected ${expected}`,
    {
      ...{ tensor, file: part.file, found, expected },
      hint: 'weight_block_size or fmt of config.json do not belong to these weights; take both from the same revision.',
    },
  )
}

const missing = (tensor: string, { files = [] }: StoredWeight): CheckpointError =>
  new CheckpointError(
    'TENSOR_MISSING',
    `"${tensor}" is in none of the checkpoint's files (${files.join(', ')}): a part of a quantized weight is missing`,
    {
      tensor,
      expected: SCALE_KEYS,
      hint: 'The download may be incomplete, or the file was converted in part.',
    },
  )

const invalidScale = (tensor: string, part: StoredTensor, found: number, at: number): CheckpointError =>
  new CheckpointError(
    Number.isFinite(found) ? 'SCALE_INVALID' : 'TENSOR_NOT_FINITE',
    `"${tensor}"${within(part)} holds ${found} at element ${at}, expected finite scales above 0`,
    { tensor, file: part.file, found, hint: 'The file is damaged; download it again.' },
  )
