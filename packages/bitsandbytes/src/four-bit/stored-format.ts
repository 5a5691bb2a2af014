import {
  CheckpointError,
  type Component,
  type Dtype,
  describePart,
  dtypeBits,
  elementCount,
  incompleteFormat,
  type QuantizedFormat,
  type StoredPart,
  type StoredTensors,
  type StoredWeight,
  storedTensors,
  type WeightInfo,
} from '@hfquant/core'
import { FOUR_BIT_CODES } from '@hfquant/kernels'
import { STORAGE_DTYPES } from '../settings.js'
import { fourBitFormat } from './four-bit-format.js'
import {
  ABS_MAX,
  blocksOf,
  NESTED_ABS_MAX,
  NESTED_QUANT_MAP,
  packedBytes,
  QUANT_MAP,
  type ScaleLayout,
  STATE_PREFIX,
  stateKey,
  WEIGHT,
} from './layout.js'
import {
  MAX_STATE_BYTES,
  NESTED_BLOCK_SIZE,
  type QuantState,
  readQuantState,
  unknownStateKeys,
} from './quant-state.js'

/**
 * The format of a stored four-bit weight, all parts of which have been checked against its quant_state.
 *
 * @throws CheckpointError QUANT_STATE_INVALID, QUANT_STATE_MISMATCH, TENSOR_MISMATCH or TENSOR_NOT_FINITE.
 */
export async function storedFourBitFormat(
  weight: WeightInfo,
  stored: StoredWeight,
): Promise<QuantizedFormat> {
  const tensors = storedTensors(weight, stored)
  const statePart = findState(stored, weight, tensors)
  const bytes = await readState(statePart, tensors)
  const state = readQuantState(bytes, statePart.name)
  checkState(state, statePart, weight, tensors)

  const isNested = state.nestedOffset !== undefined
  const keys = [WEIGHT, ABS_MAX, QUANT_MAP, ...(isNested ? [NESTED_ABS_MAX, NESTED_QUANT_MAP] : [])]
  const missing = keys.find((key) => !tensors.has(key))
  if (missing !== undefined) return incompleteFormat(missing)

  const packed = tensors.part(WEIGHT)
  const absMax = tensors.part(ABS_MAX)
  checkPacked(packed, weight, tensors)
  await checkQuantMap(state, tensors)
  const scales = scaleLayout(absMax, state, weight, tensors)
  if (isNested) await checkNested(state, weight, tensors)
  else await tensors.finite(ABS_MAX)

  const components: readonly Component[] = [
    tensors.component(WEIGHT),
    tensors.component(ABS_MAX, scales === 'plain' ? 'rows' : 'whole'),
    ...keys.slice(2).map((key) => tensors.component(key, 'whole')),
    tensors.component(statePart.key, 'whole'),
  ]
  const warnings = [
    ...unknownStateKeys(bytes, statePart.name).map(
      (key) => `"${statePart.name}" has a key "${key}" that is not known`,
    ),
    ...(scales === 'transposed'
      ? [
          `"${absMax.name}" is ${describePart(absMax)}, rounded and transposed by a faulty release; it was put in order`,
        ]
      : []),
  ]
  const { quantType, blockSize } = state
  const scaleDtype = absMax.dtype as 'float32' | 'float16' | 'bfloat16' | 'uint8'
  const padded = bytesOf(packed) > packedBytes(weight)
  const layout = { quantType, blockSize, scales, scaleDtype, components, padded }
  return { ...fourBitFormat(layout, weight), warnings }
}

function findState(stored: StoredWeight, { path }: WeightInfo, tensors: StoredTensors): StoredPart {
  const keys = [...stored.tensors.keys()].filter((key) => key.startsWith(STATE_PREFIX))
  const found = tensors.part(keys[0]!)
  if (keys.length === 1) return found
  const names = keys.map((key) => `"${path}.${key}"`).join(' and ')
  throw stateMismatch(found, `${path}.weight has ${names}`, 'exactly one quant_state')
}

async function readState(part: StoredPart, tensors: StoredTensors): Promise<Uint8Array> {
  const [length] = part.shape
  const fits = part.dtype === 'uint8' && part.shape.length === 1 && length! > 0 && length! <= MAX_STATE_BYTES
  if (fits) return tensors.read(part.key)
  const expected = `uint8 [1 to ${MAX_STATE_BYTES}]`
  throw tensors.mismatch(part.key, { found: describePart(part), expected })
}

function checkState(state: QuantState, part: StoredPart, weight: WeightInfo, tensors: StoredTensors): void {
  if (part.key !== stateKey(state.quantType)) {
    throw stateMismatch(
      part,
      `quant_type of "${part.name}" is ${state.quantType}`,
      part.key.slice(STATE_PREFIX.length),
    )
  }
  const own = [weight.outFeatures, weight.inFeatures]
  if (state.shape?.some((size, axis) => size !== own[axis])) {
    throw stateMismatch(part, `shape of "${part.name}" is [${state.shape.join(', ')}]`, `[${own.join(', ')}]`)
  }
  const nested = [NESTED_ABS_MAX, NESTED_QUANT_MAP].filter((key) => tensors.has(key))
  if (state.nestedOffset === undefined && nested.length > 0) {
    const found = `"${part.name}" says nothing of nested scales, but there is "${weight.path}.${nested[0]}"`
    throw stateMismatch(part, found, 'nested_offset')
  }
}

/** Raw bytes whatever the declared dtype, a column. */
function checkPacked(part: StoredPart, weight: WeightInfo, tensors: StoredTensors): void {
  const bytes = packedBytes(weight)
  const allowed = (STORAGE_DTYPES as readonly Dtype[]).includes(part.dtype)
  const word = dtypeBits(part.dtype) / 8
  const isColumn = part.shape.length === 2 && part.shape[1] === 1
  if (allowed && isColumn && bytesOf(part) === Math.ceil(bytes / word) * word) return
  const size = `${weight.outFeatures} x ${weight.inFeatures}`
  const expected = `${bytes} bytes, such as uint8 [${bytes}, 1], for ${size} weights`
  throw tensors.mismatch(part.key, { found: describePart(part), expected })
}

const bytesOf = ({ dtype, shape }: StoredPart): number => (elementCount(shape) * dtypeBits(dtype)) / 8

/** The library writes the table and does not read it; another table would mean other values. */
async function checkQuantMap({ quantType }: QuantState, tensors: StoredTensors): Promise<void> {
  tensors.expect(QUANT_MAP, ['float32'], [16])
  const map = await tensors.finite(QUANT_MAP)
  const code = FOUR_BIT_CODES[quantType]
  const at = map.findIndex((value, i) => !(Math.abs(value - code[i]!) <= MAP_TOLERANCE))
  if (at < 0) return
  const [found, expected] = [`${map[at]} at element ${at}`, `${code[at]}, as in ${quantType}`]
  throw tensors.mismatch(QUANT_MAP, { found, expected })
}

const MAP_TOLERANCE = 1e-6

function scaleLayout(
  part: StoredPart,
  state: QuantState,
  weight: WeightInfo,
  tensors: StoredTensors,
): ScaleLayout {
  const blocks = blocksOf(weight, state.blockSize)
  if (state.nestedOffset !== undefined) {
    tensors.expect(ABS_MAX, ['uint8'], [blocks])
    return 'nested'
  }
  const perRow = weight.inFeatures / state.blockSize
  const [first, second] = part.shape
  const isTransposed = part.shape.length === 2 && first === perRow && second === weight.outFeatures
  if (part.dtype === 'bfloat16' && isTransposed) return 'transposed'
  tensors.expect(ABS_MAX, ['float32', 'float16', 'bfloat16'], [blocks])
  return 'plain'
}

async function checkNested(
  { blockSize }: QuantState,
  weight: WeightInfo,
  tensors: StoredTensors,
): Promise<void> {
  tensors.expect(NESTED_ABS_MAX, ['float32'], [Math.ceil(blocksOf(weight, blockSize) / NESTED_BLOCK_SIZE)])
  tensors.expect(NESTED_QUANT_MAP, ['float32'], [256])
  await tensors.finite(NESTED_ABS_MAX)
  await tensors.finite(NESTED_QUANT_MAP)
}

const stateMismatch = (part: StoredPart, found: string, expected: string): CheckpointError =>
  new CheckpointError('QUANT_STATE_MISMATCH', `${found}, expected ${expected}`, {
    ...{ tensor: part.name, file: part.file, found, expected },
    hint: 'The tensors of this weight do not belong together; take all files from the same revision.',
  })
