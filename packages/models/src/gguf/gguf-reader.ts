import { CapabilityError, CheckpointError } from '@hfquant/core'
import { MAX_LAYERS } from '../config/read-sizes.js'

/** What a GGUF file says of a model, as far as a config.json is made of it; a checkpoint of `@hfquant/gguf` is one. */
export interface GgufSource {
  readonly metadata: ReadonlyMap<string, StoredValue>
  readonly tensors: ReadonlyMap<string, { readonly tensor: { readonly shape: readonly number[] } }>
}

/** A number, a text or the like in `value`; in `values` an array of them. */
interface StoredValue {
  readonly type: string
  readonly value?: unknown
  readonly values?: unknown
}

/**
 * Reads the keys of an architecture; all of them without its name in front.
 *
 * All methods throw CheckpointError GGUF_KEY naming the key, for one that is missing or of another type.
 */
export interface GgufReader {
  /** Named in errors. */
  readonly file: string
  /** Of the key that every architecture has. */
  readonly layers: number
  /** A whole number. Without a default the key is required. */
  count(key: string, fallback?: number): number
  /** The same for a key that may hold one number for each layer: @throws CapabilityError GGUF_LAYERS unless they are equal. */
  same(key: string, fallback?: number): number
  /** With the fewest digits that give the stored float32. Without a default the key is required. */
  number(key: string, fallback?: number): number
  text(key: string): string | undefined
  /** Something for each layer; undefined for a key that is missing or holds a single number. */
  flags(key: string): readonly boolean[] | undefined
  has(key: string): boolean
  /** Of the tokenizer, by its name there. */
  token(name: string): number | undefined
  hasTensor(name: string): boolean
  /** @throws CheckpointError GGUF_TENSOR for a tensor that is missing. */
  shape(tensor: string): readonly number[]
}

export function ggufReader(
  { metadata, tensors }: GgufSource,
  architecture: string,
  file: string,
): GgufReader {
  const full = (key: string) => `${architecture}.${key}`
  const stored = (key: string, isOptional: boolean): StoredValue | undefined => {
    const found = metadata.get(key)
    if (found === undefined && !isOptional) throw badKey(file, key, 'is missing', undefined, 'a value')
    return found
  }
  const count = (key: string, fallback?: number): number => {
    const found = stored(key, fallback !== undefined)
    return found === undefined ? fallback! : wholeNumber(found, file, key)
  }
  const layers = count(full('block_count'))
  // Every layer takes memory before a weight is read.
  if (layers < 1 || layers > MAX_LAYERS) {
    throw badKey(file, full('block_count'), `is ${layers}`, layers, `1 to ${MAX_LAYERS} layers`)
  }
  return {
    ...{ file, layers },
    count: (key, fallback) => count(full(key), fallback),
    same(key, fallback) {
      const found = stored(full(key), fallback !== undefined)
      if (found?.type !== 'array') return count(full(key), fallback)
      const each = numbersOf(found) ?? []
      const [first] = each
      if (first === undefined || !each.every(isCount)) {
        throw badType(file, full(key), found, 'whole numbers, 0 or larger')
      }
      if (each.every((value) => value === first)) return first
      throw new CapabilityError('GGUF_LAYERS', `${file}: the layers differ in "${full(key)}"`, {
        ...{ file, field: full(key), found: each, expected: 'one number for all layers' },
        hint: 'Load the model from its Hugging Face checkpoint.',
      })
    },
    number(key, fallback) {
      const found = stored(full(key), fallback !== undefined)
      if (found === undefined) return fallback!
      const { value } = found
      if (typeof value === 'number' && Number.isFinite(value)) return fewestDigits(value)
      throw badType(file, full(key), found, 'a finite number')
    },
    text(key) {
      const found = stored(full(key), true)
      if (found === undefined || typeof found.value === 'string') return found?.value as string | undefined
      throw badType(file, full(key), found, 'a text')
    },
    flags(key) {
      const found = stored(full(key), true)
      if (found?.type !== 'array') return undefined
      const each = numbersOf(found)
      if (each !== undefined && each.length >= layers) return each.slice(0, layers).map((flag) => flag !== 0)
      throw badType(file, full(key), found, `an array for ${layers} layers`)
    },
    has: (key) => metadata.has(full(key)),
    token(name) {
      const key = `tokenizer.ggml.${name}_token_id`
      const found = stored(key, true)
      return found && wholeNumber(found, file, key)
    },
    hasTensor: (name) => tensors.has(name),
    shape(tensor) {
      const found = tensors.get(tensor)
      if (found !== undefined) return found.tensor.shape
      const hint = 'The file is damaged, or holds a part of a model only; fetch it again.'
      throw new CheckpointError('GGUF_TENSOR', `${file} has no tensor "${tensor}"`, { file, tensor, hint })
    },
  }
}

function wholeNumber(found: StoredValue, file: string, key: string): number {
  const { type, value } = found
  const isNumber = typeof value === 'number' || typeof value === 'bigint'
  if (isNumber && /^[ui]/.test(type) && isCount(Number(value))) return Number(value)
  throw badType(file, key, found, 'a whole number, 0 or larger')
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** Of an array of numbers or booleans; undefined for one of strings. */
function numbersOf({ values }: StoredValue): readonly number[] | undefined {
  return ArrayBuffer.isView(values) ? Array.from(values as unknown as ArrayLike<number>, Number) : undefined
}

function badType(file: string, key: string, { type, value }: StoredValue, expected: string): CheckpointError {
  const found = value === undefined ? `of type ${type}` : `${String(value)}, of type ${type}`
  return badKey(file, key, `is ${found}`, value ?? type, expected)
}

function badKey(
  file: string,
  key: string,
  problem: string,
  found: unknown,
  expected: string,
): CheckpointError {
  return new CheckpointError('GGUF_KEY', `${file}: "${key}" ${problem}, expected ${expected}`, {
    ...{ file, field: key, found, expected },
    hint: 'Convert the model again with a current llama.cpp.',
  })
}

/** 1e-6 was stored as 9.999999974752427e-7: a config.json shall say 1e-6. */
function fewestDigits(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === Math.fround(value)) return short
  }
  return value
}
