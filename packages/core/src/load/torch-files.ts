import { basename } from 'node:path'
import { openTorchCheckpoint, type TorchObject, type TorchTensor } from '@hfquant/torch-checkpoint'
import { cacheFolder } from '../cache/cache-folder.js'
import type { FlatCheckpoint, FlatTensor } from '../contract/stored-object.js'
import type { Dtype } from '../contract/tensor.js'
import { findFlattener } from '../dispatch/registry.js'
import { CheckpointError } from '../errors/families.js'
import { isDtype, tensorBytes } from '../shell/dtype.js'
import type { Checkpoint, CheckpointTensor } from './checkpoint.js'
import { type ContiguousCopies, createContiguousCopies } from './contiguous-copies.js'

/**
 * Opens a pickled `.bin` file, or the shards of an index. Nothing in it is executed. Tensors that are objects of a
 * quantization method come as the plain tensors that the method stores in safetensors files.
 *
 * @throws TorchCheckpointError for a damaged or hostile file; CheckpointError for objects and dtypes that nobody here
 * reads; whatever the method says of its objects.
 */
export async function openTorchFiles(path: string, folder: string): Promise<Checkpoint> {
  const opened = await openTorchCheckpoint(path)
  const bytesOnDisk = opened.files.reduce((sum, file) => sum + file.byteLength, 0)
  const copies = createContiguousCopies(bytesOnDisk, cacheFolder())
  const close = async () => {
    copies.close()
    await opened.close()
  }
  try {
    const flat = await flatten(opened.entries)
    return {
      folder,
      path,
      files: opened.files.map((file) => basename(file.path)),
      bytesOnDisk,
      tensors: tensorsOf(flat, copies),
      metadata: flat.metadata,
      indexDtype: opened.indexMetadata.dtype,
      absent: opened.absent,
      close,
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

type Entries = ReadonlyMap<string, TorchTensor | TorchObject>

async function flatten(entries: Entries): Promise<FlatCheckpoint<TorchTensor>> {
  const objects = [...entries.values()].filter((entry) => entry.kind === 'object')
  const [first] = objects
  if (first === undefined) {
    const tensors = [...entries.values()] as TorchTensor[]
    return {
      tensors: tensors.map((source) => ({
        source,
        name: source.name,
        dtype: source.dtype,
        shape: source.shape,
      })),
      metadata: {},
    }
  }
  const flattener = await findFlattener(first.className)
  const foreign = objects.find(({ className }) => flattener?.owns(className) !== true)
  if (flattener !== undefined && foreign === undefined) {
    return flattener.flatten<TorchTensor>({ entries, read: (tensor) => tensor.file.read(tensor) })
  }
  const { name, className } = foreign ?? first
  throw new CheckpointError(
    'OBJECT_CLASS_UNKNOWN',
    `"${name}" is an object of ${className}, which no backend at hand reads`,
    { tensor: name, found: className, hint: 'Install and register the backend that made the checkpoint.' },
  )
}

function tensorsOf(
  { tensors }: FlatCheckpoint<TorchTensor>,
  copies: ContiguousCopies,
): Map<string, CheckpointTensor> {
  const byName = new Map<string, CheckpointTensor>()
  for (const flat of tensors) {
    const { name, source, shape } = flat
    if (byName.has(name)) throw storedTwice(name, source)
    const dtype = dtypeOf(flat)
    const byteLength = tensorBytes(dtype, shape)
    if (byteLength > source.byteLength) throw new TypeError(`"${name}" is larger than what it is read from`)
    const tensor: CheckpointTensor = {
      ...{ name, dtype, shape, byteLength },
      file: source.file.path,
      fd: source.file.fd,
      position: source.byteOffset,
    }
    byName.set(name, source.isContiguous ? tensor : { ...tensor, contiguous: copies.of(tensor, source) })
  }
  return byName
}

function dtypeOf({ name, dtype, source }: FlatTensor<TorchTensor>): Dtype {
  if (isDtype(dtype)) return dtype
  const { path } = source.file
  throw new CheckpointError('TENSOR_DTYPE', `"${name}" in ${path} is ${dtype}, which no layer holds`, {
    tensor: name,
    file: path,
    found: dtype,
    hint: 'Save the state dict again with a dtype of whole bytes.',
  })
}

const storedTwice = (name: string, { file }: TorchTensor): CheckpointError =>
  new CheckpointError('TENSOR_DUPLICATE', `"${name}" is stored twice, by itself and as a part`, {
    tensor: name,
    file: file.path,
    hint: 'The checkpoint mixes two layouts; take its files from one revision.',
  })
