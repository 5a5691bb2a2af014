import { dirname, join } from 'node:path'
import { GgufError, quote, refuseFor } from '../errors.js'
import type { GgufTensor } from '../header/gguf-header.js'
import type { GgufMetadata } from '../header/gguf-value.js'
import { type GgufFile, openGguf } from './open-gguf.js'
import { partNames } from './part-names.js'

/** One file or all parts of a split one, open together. */
export interface GgufCheckpoint extends AsyncDisposable {
  /** In the order of their numbers. */
  readonly files: readonly GgufFile[]
  /** Of the first part, which has that of the model. */
  readonly metadata: GgufMetadata
  /** All tensors of all files. */
  readonly tensors: ReadonlyMap<string, { readonly file: GgufFile; readonly tensor: GgufTensor }>
  /** Closes every file. */
  close(): Promise<void>
}

/**
 * Opens a model: one file, or all parts `<name>-00001-of-0000N.gguf` of a split one, whichever of them the path names.
 *
 * @throws {@link GgufError} GGUF_SPLIT_NAME, GGUF_SPLIT_BAD, GGUF_SPLIT_PART_MISSING, GGUF_DUPLICATE_TENSOR or what is wrong
 * with a file; then no file stays open
 */
export async function openGgufCheckpoint(path: string): Promise<GgufCheckpoint> {
  const named = await openGguf(path)
  const files: GgufFile[] = []
  try {
    const count = splitNumber(named, 'split.count') ?? 1
    if (count === 1) files.push(named)
    else await openParts(named, count, files)
    return modelOf(files)
  } catch (error) {
    await closeAll([named, ...files])
    throw error
  }
}

async function openParts(named: GgufFile, count: number, files: GgufFile[]): Promise<void> {
  const refuse = refuseFor(named.path)
  const names = partNames(named.path, count)
  if (names === undefined) {
    return refuse('GGUF_SPLIT_NAME', `is one of ${count} parts, and its name does not say which`)
  }
  for (const [number, name] of names.entries()) {
    const path = join(dirname(named.path), name)
    const file = path === join(named.path) ? named : await openPart(path, named.path)
    files.push(file)
    checkNumber(file, 'split.no', number)
    checkNumber(file, 'split.count', count)
  }
  const [first] = files
  const all = files.reduce((sum, { tensors }) => sum + tensors.size, 0)
  if (first !== undefined) checkNumber(first, 'split.tensors.count', all)
}

async function openPart(path: string, namedBy: string): Promise<GgufFile> {
  try {
    return await openGguf(path)
  } catch (cause) {
    if (!GgufError.isInstance(cause) || cause.code !== 'FILE_NOT_FOUND') throw cause
    const problem = `${path} does not exist, but ${namedBy} is a part of the same model`
    throw new GgufError('GGUF_SPLIT_PART_MISSING', problem, { file: path, cause })
  }
}

function checkNumber(file: GgufFile, key: string, expected: number): void {
  const found = splitNumber(file, key)
  if (found === expected) return
  const problem = found === undefined ? `has no ${key}` : `has the ${key} ${found}`
  refuseFor(file.path)('GGUF_SPLIT_BAD', `${problem}, expected ${expected}`, { key })
}

/** Writers use u16 and i32 for them; any whole number will do. */
function splitNumber({ metadata, path }: GgufFile, key: string): number | undefined {
  const found = metadata.get(key)
  if (found === undefined) return undefined
  const { type } = found
  if (type !== 'array' && type !== 'string' && type !== 'bool' && Number.isSafeInteger(Number(found.value))) {
    return Number(found.value)
  }
  return refuseFor(path)('GGUF_SPLIT_BAD', `${key} is of type ${type}, expected a whole number`, { key })
}

function modelOf(files: readonly GgufFile[]): GgufCheckpoint {
  const tensors = new Map<string, { file: GgufFile; tensor: GgufTensor }>()
  for (const file of files) {
    for (const [name, tensor] of file.tensors) {
      const other = tensors.get(name)?.file
      if (other !== undefined) {
        const problem = `the tensor ${quote(name)} is in ${other.path}, too`
        refuseFor(file.path)('GGUF_DUPLICATE_TENSOR', problem, { tensor: name })
      }
      tensors.set(name, { file, tensor })
    }
  }
  const close = () => closeAll(files)
  return { files, metadata: files[0]!.metadata, tensors, close, [Symbol.asyncDispose]: close }
}

async function closeAll(files: readonly GgufFile[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()))
}
