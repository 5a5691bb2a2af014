import { blockTypeOf, type GgufBlockType, ggufBlockTypes, unreadTypeName } from '../block-types.js'
import { quote, type Refuse } from '../errors.js'
import { decodeUtf8 } from './decode-utf8.js'
import type { HeaderCursor } from './header-cursor.js'

/** A line of the table of tensors, not yet compared with the file. */
export interface TensorInfo {
  readonly name: string
  readonly type: GgufBlockType
  /** Outermost first. */
  readonly shape: readonly bigint[]
  /** Counted from the start of the data. */
  readonly offset: bigint
}

const MAX_DIMENSIONS = 4

/** Longer than any; llama.cpp itself takes 63 bytes. */
const MAX_NAME_BYTES = 65_535

/** Reads `count` lines; names are unique afterwards. */
export function parseTensorInfos(cursor: HeaderCursor, count: number, refuse: Refuse): TensorInfo[] {
  const infos: TensorInfo[] = []
  const names = new Set<string>()
  for (let index = 0; index < count; index++) {
    const at = cursor.position
    const name = readName(cursor, index, refuse)
    if (names.has(name)) {
      const problem = `the tensor ${quote(name)} appears twice, again at byte ${at}`
      refuse('GGUF_DUPLICATE_TENSOR', problem, { tensor: name })
    }
    names.add(name)
    infos.push(readInfo(cursor, name, refuse))
  }
  return infos
}

function readName(cursor: HeaderCursor, index: number, refuse: Refuse): string {
  const at = cursor.position
  const what = `name ${index} of the table of tensors`
  const bytes = cursor.string({ what })
  if (bytes.byteLength === 0 || bytes.byteLength > MAX_NAME_BYTES) {
    const problem = `${what} at byte ${at} has ${bytes.byteLength} bytes, expected 1 to ${MAX_NAME_BYTES}`
    refuse('GGUF_BAD_NAME', problem)
  }
  return decodeUtf8(bytes) ?? refuse('GGUF_BAD_TEXT', `${what} at byte ${at} is no UTF-8 text`)
}

function readInfo(cursor: HeaderCursor, name: string, refuse: Refuse): TensorInfo {
  const subject = { what: `the description of tensor ${quote(name)}`, tensor: name }
  const at = cursor.position
  const dimensions = cursor.u32(subject)
  if (dimensions > MAX_DIMENSIONS) {
    const problem = `tensor ${quote(name)} has ${dimensions} dimensions at byte ${at}`
    refuse('GGUF_BAD_SHAPE', `${problem}, expected at most ${MAX_DIMENSIONS}`, { tensor: name })
  }
  const fastestFirst = Array.from({ length: dimensions }, () => cursor.u64(subject))
  const id = cursor.u32(subject)
  const type = blockTypeOf(id)
  if (type === undefined) {
    const read = `types that are read: ${ggufBlockTypes.join(', ')}`
    const problem = `tensor ${quote(name)} has the type ${unreadTypeName(id)}; ${read}`
    return refuse('GGUF_TYPE_UNSUPPORTED', problem, { tensor: name })
  }
  return { name, type, shape: fastestFirst.reverse(), offset: cursor.u64(subject) }
}
