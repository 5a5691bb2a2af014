import type {
  FieldTensor,
  FlatCheckpoint,
  FlatTensor,
  ObjectCheckpoint,
  ObjectFlattener,
  StoredObject,
} from '@hfquant/core'
import { pythonJson } from '../encoding/python-json.js'
import { formatDocument, PLAIN_DOCUMENT, partName, type TensorDocument } from '../tensors/torchao-format.js'
import { flattenAffine, isAffine } from './affine-object.js'
import { flattenSubclass } from './tensor-subclass.js'

/** A tensor subclass as the safetensors layout has it: what the header says, and the tensors by data name. */
export interface FlatObject<Tensor extends FieldTensor> {
  readonly document: TensorDocument
  readonly parts: ReadonlyMap<string, Omit<FlatTensor<Tensor>, 'name'>>
}

/** Header entry of a checkpoint some of whose tensors were of version 1; it is never written. */
export const CONVERTED = 'hfquant.converted'

/**
 * Turns the tensor subclasses that torchao pickles into `.bin` files into the tensors and header documents of its
 * safetensors layout, so that everything behind knows one layout. Tensor data is not touched, except for the zero
 * points of version 1.
 */
export const torchaoObjects: ObjectFlattener = {
  owns: (className) => className.startsWith('torchao.'),
  async flatten<Tensor extends FieldTensor>({ entries, read }: ObjectCheckpoint<Tensor>) {
    const tensors: FlatTensor<Tensor>[] = []
    const documents: Record<string, string> = Object.create(null)
    let converted = {}
    for (const [name, entry] of entries) {
      if (!isObject<Tensor>(entry)) {
        tensors.push({ name, source: entry, dtype: entry.dtype, shape: entry.shape })
        documents[name] = PLAIN_DOCUMENT
        continue
      }
      const isOld = isAffine(entry)
      if (isOld) converted = { [CONVERTED]: 'version 1' }
      const flat = isOld ? await flattenAffine(entry, read) : flattenSubclass(entry)
      documents[name] = formatDocument(flat.document)
      for (const [dataName, part] of flat.parts) tensors.push({ ...part, name: partName(name, dataName) })
    }
    const metadata = { ...documents, ...converted, tensor_names: pythonJson([...entries.keys()]) }
    return { tensors, metadata } satisfies FlatCheckpoint<Tensor>
  },
}

const isObject = <Tensor extends FieldTensor>(
  entry: Tensor | StoredObject<Tensor>,
): entry is StoredObject<Tensor> => entry.kind === 'object'
