import { CapabilityError } from '@hfquant/core'
import { blockTypeId } from '@hfquant/gguf'
import type { GgufMetadata, GgufValue } from '@hfquant/models'
import { type GgufTensorType, type TensorShape, tensorTypeBytes } from './tensor-type.js'

export interface GgufTensorInfo extends TensorShape {
  readonly type: GgufTensorType
}

export interface GgufHeader {
  /** Everything before the first tensor's data, padding included. */
  readonly bytes: Uint8Array
  /** Where the data of each tensor begins, counted from the start of the file, in the order of the tensors. */
  readonly positions: readonly number[]
  /** Padding after the last tensor included. */
  readonly fileBytes: number
}

/** Tensor data begins at multiples of this, llama.cpp's default. */
const ALIGNMENT = 32
const VERSION = 3
/** `GGML_MAX_NAME` less the terminator. */
const MAX_NAME_BYTES = 63

/** Value types of the format. */
const U32 = 4
const I32 = 5
const F32 = 6
const BOOL = 7
const STRING = 8
const ARRAY = 9

/**
 * The header of a GGUF file, version 3. Tensors follow each other in this order without gaps, which llama.cpp checks.
 *
 * @throws CapabilityError GGUF_TENSOR_NAME for a name that is too long or appears twice.
 */
export function encodeHeader(metadata: GgufMetadata, tensors: readonly GgufTensorInfo[]): GgufHeader {
  checkNames(tensors)
  const offsets: number[] = []
  let end = 0
  const infos = tensors.map(({ name, shape, type }) => {
    offsets.push(end)
    const info = [
      text(name),
      u32(shape.length),
      ...[...shape].reverse().map(u64),
      u32(blockTypeId(type)),
      u64(end),
    ]
    end = aligned(end + tensorTypeBytes(type, shape))
    return Buffer.concat(info)
  })
  const pairs = [...metadata].map(([key, value]) => Buffer.concat([text(key), encodeValue(value)]))
  const counts = [Buffer.from('GGUF'), u32(VERSION), u64(tensors.length), u64(metadata.size)]
  const unpadded = Buffer.concat([...counts, ...pairs, ...infos])
  const bytes = new Uint8Array(aligned(unpadded.byteLength))
  bytes.set(unpadded)
  return {
    bytes,
    positions: offsets.map((offset) => bytes.byteLength + offset),
    fileBytes: bytes.byteLength + end,
  }
}

function checkNames(tensors: readonly GgufTensorInfo[]): void {
  const seen = new Set<string>()
  for (const { name } of tensors) {
    const long = Buffer.byteLength(name) > MAX_NAME_BYTES
    if (!long && !seen.has(name)) seen.add(name)
    else {
      const why = long ? `is longer than ${MAX_NAME_BYTES} bytes` : 'appears twice'
      throw new CapabilityError('GGUF_TENSOR_NAME', `the tensor name "${name}" ${why}`, { tensor: name })
    }
  }
}

function encodeValue(value: GgufValue): Buffer {
  if ('u32' in value) return Buffer.concat([u32(U32), u32(value.u32)])
  if ('f32' in value) return Buffer.concat([u32(F32), Buffer.from(Float32Array.of(value.f32).buffer)])
  if ('bool' in value) return Buffer.concat([u32(BOOL), Buffer.of(value.bool ? 1 : 0)])
  if ('string' in value) return Buffer.concat([u32(STRING), text(value.string)])
  if ('strings' in value) return list(STRING, value.strings.length, Buffer.concat(value.strings.map(text)))
  if ('bools' in value) return list(BOOL, value.bools.length, Buffer.from(value.bools.map(Number)))
  if ('i32s' in value) return list(I32, value.i32s.length, Buffer.from(Int32Array.from(value.i32s).buffer))
  return list(F32, value.f32s.length, Buffer.from(Float32Array.from(value.f32s).buffer))
}

const list = (type: number, count: number, elements: Buffer): Buffer =>
  Buffer.concat([u32(ARRAY), u32(type), u64(count), elements])

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(bytes.byteLength), bytes])
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

const aligned = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT
