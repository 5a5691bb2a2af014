import { blockBytes, blockValues } from '../block-types.js'
import { type GgufErrorCode, quote, type Refuse } from '../errors.js'
import type { GgufTensor } from './gguf-header.js'
import type { TensorInfo } from './parse-tensor-infos.js'

/**
 * Checks that every tensor lies in the file, at a multiple of the alignment, and shares no byte with another one. Gaps are
 * allowed, and the order of the table is free.
 */
export function placeTensors(
  infos: readonly TensorInfo[],
  {
    alignment,
    dataOffset,
    fileBytes,
  }: { readonly alignment: number; readonly dataOffset: number; readonly fileBytes: number },
  refuse: Refuse,
): Map<string, GgufTensor> {
  const dataBytes = BigInt(Math.max(0, fileBytes - dataOffset))
  const place = (info: TensorInfo): GgufTensor => {
    const { name, type, shape, offset } = info
    const refuseTensor = (code: GgufErrorCode, problem: string) =>
      refuse(code, `tensor ${quote(name)} ${problem}`, { tensor: name })
    const bytes = tensorBytes(info, refuseTensor)
    if (offset % BigInt(alignment) !== 0n) {
      refuseTensor(
        'GGUF_OFFSET_MISALIGNED',
        `begins at data byte ${offset}, expected a multiple of ${alignment}`,
      )
    }
    if (offset + bytes > dataBytes) {
      const span = `takes the data bytes ${offset} to ${offset + bytes}`
      const found = `the file has ${dataBytes} of them, from byte ${dataOffset} on`
      refuseTensor('GGUF_OFFSET_OUT_OF_RANGE', `${span}; ${found}`)
    }
    // The file bounds the places, and `tensorBytes` the sizes: all are exact as numbers.
    const [byteOffset, byteLength] = [dataOffset + Number(offset), Number(bytes)]
    return { name, type, shape: shape.map(Number), byteOffset, byteLength }
  }
  const tensors = infos.map(place)
  refuseOverlap(tensors, refuse)
  return new Map(tensors.map((tensor) => [tensor.name, tensor]))
}

/** Above this a size is no longer exact in a JavaScript number. */
const MAX_SIZE = BigInt(Number.MAX_SAFE_INTEGER)

function tensorBytes(
  { type, shape }: TensorInfo,
  refuseTensor: (code: GgufErrorCode, problem: string) => never,
): bigint {
  const described = () => `of type ${type} and shape [${shape.join(', ')}]`
  let elements = 1n
  for (const size of shape) {
    elements *= size
    // A later 0 does not rescue what no reader can count.
    if (size > MAX_SIZE || elements > MAX_SIZE) {
      refuseTensor('GGUF_SHAPE_OVERFLOW', `${described()} is larger than any file`)
    }
  }
  const values = BigInt(blockValues(type))
  if ((shape.at(-1) ?? 1n) % values !== 0n) {
    const problem = `${described()} has rows that are no multiple of its blocks of ${values}`
    refuseTensor('GGUF_ROW_NOT_WHOLE_BLOCKS', problem)
  }
  return (elements / values) * BigInt(blockBytes(type))
}

function refuseOverlap(tensors: readonly GgufTensor[], refuse: Refuse): void {
  const ordered = tensors
    .filter(({ byteLength }) => byteLength > 0)
    .sort((left, right) => left.byteOffset - right.byteOffset)
  let before: GgufTensor | undefined
  for (const tensor of ordered) {
    const end = before === undefined ? 0 : before.byteOffset + before.byteLength
    if (before !== undefined && tensor.byteOffset < end) {
      const problem = `begins at byte ${tensor.byteOffset}, tensor ${quote(before.name)} ends at ${end}`
      refuse('GGUF_OVERLAP', `tensor ${quote(tensor.name)} ${problem}`, { tensor: tensor.name })
    }
    before = tensor
  }
}
