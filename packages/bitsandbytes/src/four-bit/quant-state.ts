import {
  CheckpointError,
  type FloatDtype,
  type JsonObject,
  PythonFloat,
  parseJson,
  toNode,
  toValue,
} from '@hfquant/core'
import { FOUR_BIT_TYPES, type FourBitType } from '@hfquant/kernels'

/** What the JSON beside a four-bit weight says of it. */
export interface QuantState {
  readonly quantType: FourBitType
  /** Consecutive weights that share a scale. */
  readonly blockSize: number
  /** Dtype of the weight before it was quantized. */
  readonly dtype: FloatDtype
  /** [outFeatures, inFeatures]; null in files that leave it to the model. */
  readonly shape: readonly number[] | null
  /** Mean of the scales, with double quantization. */
  readonly nestedOffset: number | undefined
}

const BLOCK_SIZES = [32, 64, 128, 256, 512, 1024, 2048, 4096]

/** Scales that share a scale of their own. The library computes with nothing else. */
export const NESTED_BLOCK_SIZE = 256

/** Longer than any document that a library has written. */
export const MAX_STATE_BYTES = 65_536

const DTYPES: readonly FloatDtype[] = ['float32', 'float16', 'bfloat16']

/** `json.dumps` of the state, keys in the library's order. */
export function formatQuantState(state: QuantState): Uint8Array {
  const shape = state.shape === null ? 'null' : `[${state.shape.join(', ')}]`
  const members = [
    `"quant_type": "${state.quantType}"`,
    `"blocksize": ${state.blockSize}`,
    `"dtype": "${state.dtype}"`,
    `"shape": ${shape}`,
  ]
  if (state.nestedOffset !== undefined) {
    members.push(
      `"nested_blocksize": ${NESTED_BLOCK_SIZE}`,
      '"nested_dtype": "float32"',
      `"nested_offset": ${pythonFloat(state.nestedOffset)}`,
    )
  }
  return new TextEncoder().encode(`{${members.join(', ')}}`)
}

/** Most bytes that the state of such a weight can take: no float32 needs a longer offset than this one. */
export const quantStateLimit = (state: Omit<QuantState, 'nestedOffset'>, nested: boolean): number =>
  formatQuantState({ ...state, nestedOffset: nested ? LONGEST_OFFSET : undefined }).byteLength

/** Seventeen digits, a sign and a three-digit exponent. */
const LONGEST_OFFSET = -1.2345678901234568e-300

/** @param tensor name of the JSON tensor. @throws CheckpointError QUANT_STATE_INVALID that names the field. */
export function readQuantState(bytes: Uint8Array, tensor: string): QuantState {
  const json = parse(bytes, tensor)
  const invalid = (field: string, expected: string) => invalidState(tensor, field, json[field], expected)
  const quantType = FOUR_BIT_TYPES.find((known) => known === json.quant_type)
  if (quantType === undefined) throw invalid('quant_type', FOUR_BIT_TYPES.join(' or '))
  const blockSize = BLOCK_SIZES.find((known) => known === json.blocksize)
  if (blockSize === undefined) throw invalid('blocksize', `one of ${BLOCK_SIZES.join(', ')}`)
  const dtype = DTYPES.find((known) => known === json.dtype)
  if (dtype === undefined) throw invalid('dtype', `one of ${DTYPES.join(', ')}`)
  const shape = json.shape ?? null
  if (shape !== null && !isShape(shape)) throw invalid('shape', 'two sizes')
  const nested = NESTED_KEYS.filter((key) => json[key] != null)
  if (nested.length > 0) {
    if (json.nested_blocksize !== NESTED_BLOCK_SIZE) throw invalid('nested_blocksize', `${NESTED_BLOCK_SIZE}`)
    if (json.nested_dtype !== 'float32') throw invalid('nested_dtype', 'float32')
    if (!isFloat32(json.nested_offset)) throw invalid('nested_offset', 'a finite number')
  }
  const nestedOffset = nested.length === 0 ? undefined : Math.fround(json.nested_offset as number)
  return { quantType, blockSize, dtype, shape, nestedOffset }
}

/** Keys of a state that no release writes; the library refuses such files. */
export const unknownStateKeys = (bytes: Uint8Array, tensor: string): string[] =>
  Object.keys(parse(bytes, tensor)).filter((key) => !KEYS.includes(key))

const NESTED_KEYS = ['nested_blocksize', 'nested_dtype', 'nested_offset']
const KEYS = ['quant_type', 'blocksize', 'dtype', 'shape', ...NESTED_KEYS]

function parse(bytes: Uint8Array, tensor: string): JsonObject {
  try {
    const node = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (node.kind === 'object') return toValue(node) as JsonObject
  } catch (cause) {
    throw invalidState(tensor, 'the document', undefined, 'a JSON object', cause)
  }
  throw invalidState(tensor, 'the document', undefined, 'a JSON object')
}

function invalidState(tensor: string, field: string, found: unknown, expected: string, cause?: unknown) {
  const what =
    cause === undefined ? `is ${JSON.stringify(found)}` : `cannot be read (${(cause as Error).message})`
  return new CheckpointError('QUANT_STATE_INVALID', `${field} of "${tensor}" ${what}, expected ${expected}`, {
    tensor,
    field,
    found,
    expected,
    hint: 'The file is damaged or was not written by bitsandbytes; download it again.',
    cause,
  })
}

const isShape = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length === 2 && value.every((size) => Number.isSafeInteger(size) && size >= 0)

const isFloat32 = (value: unknown): boolean =>
  typeof value === 'number' && Number.isFinite(Math.fround(value))

function pythonFloat(value: number): string {
  const node = toNode(new PythonFloat(value))
  return node.kind === 'number' ? node.text : ''
}
