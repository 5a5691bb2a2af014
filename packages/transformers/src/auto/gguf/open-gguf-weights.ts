import { basename } from 'node:path'
import {
  type Checkpoint,
  CheckpointError,
  type CheckpointTensor,
  cacheFolder,
  type Dtype,
  joinPath,
  listNames,
  type Parameter,
  tensorBytes,
  type WeightSlot,
  walkModules,
} from '@hfquant/core/runtime'
import { type GgufBlockType, type GgufCheckpoint, isIntegerType, openGgufCheckpoint } from '@hfquant/gguf'
import { type GgufPlace, ggufParameters, type ModelDescription } from '@hfquant/models'
import { blockRowBytes } from './block-rows.js'
import { createMadeTensors, type MadeTensors } from './made-tensors.js'
import { type StoredRows, shapeOf, type Weave, weaveOf } from './weave-rows.js'

/** How quantized matrices are handed on. */
export type GgufView = 'blocks' | 'floats'

/**
 * The weights of a GGUF file under the names of a model. Tensors that a model has as the file has them are read in their
 * place; what llama.cpp keeps in another order, or as other numbers, is written to a scratch file once it is needed.
 *
 * @param view `blocks`: quantized matrices are uint8 tensors of rows of blocks, which the method of GGUF knows. `floats`: they
 * are restored to float32 when they are needed, so that any method can quantize them.
 * @throws GgufError for a damaged or hostile file; CheckpointError TENSOR_MISSING, TENSOR_UNEXPECTED, TENSOR_MISMATCH,
 * which name tensors as the file does; CapabilityError for a variant of the model that is not read.
 */
export async function openGgufWeights(
  path: string,
  model: ModelDescription,
  view: GgufView,
): Promise<Checkpoint> {
  const opened = await openGgufCheckpoint(path)
  const made = createMadeTensors(cacheFolder())
  const close = async () => {
    made.close()
    await opened.close()
  }
  try {
    return {
      // Messages speak of the file, not of the folder that stands for it.
      ...{ folder: path, path, close, [Symbol.asyncDispose]: close },
      files: opened.files.map((file) => basename(file.path)),
      bytesOnDisk: opened.files.reduce((sum, { byteLength }) => sum + byteLength, 0),
      tensors: tensorsOf(opened, model, view, made),
      metadata: {},
      indexDtype: undefined,
      absent: new Map(),
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** A parameter of the model, and the tensors of the file that hold it. */
interface HeldParameter {
  readonly name: string
  readonly parameter: Parameter
  /** Of a weight that methods may quantize. */
  readonly slot: WeightSlot | undefined
  readonly path: string
  readonly stored: StoredRows[]
  readonly places: GgufPlace[]
}

/** Tensors of the file that are no parameters: divisors of frequencies, which config.json tells. */
const NO_PARAMETERS = /^rope_(freqs|factors_long|factors_short)\.weight$/

function tensorsOf(
  opened: GgufCheckpoint,
  model: ModelDescription,
  view: GgufView,
  made: MadeTensors,
): Map<string, CheckpointTensor> {
  const tensors = new Map<string, CheckpointTensor>()
  for (const held of heldParameters(opened, model)) {
    const [key, tensor] = tensorOf(held, view, made)
    tensors.set(key, tensor)
  }
  return tensors
}

function heldParameters(opened: GgufCheckpoint, model: ModelDescription): Iterable<HeldParameter> {
  const shell = model.build('float32')
  const aliases = new Set(shell.ties.map(({ alias }) => alias))
  const modules = new Map(walkModules(shell.root))
  const held = new Map<string, HeldParameter>()
  const wanted = ggufParameters(shell, model.gguf!())
  refuseUnknown(opened, new Set(wanted.keys()))
  for (const [tensor, parameters] of wanted) {
    const found = opened.tensors.get(tensor)
    if (found === undefined) {
      const needed = parameters.find(({ path, key }) => !aliases.has(joinPath(path, key)))
      if (needed === undefined) continue
      throw missing(opened, tensor)
    }
    for (const [index, { path, key, place }] of parameters.entries()) {
      const name = joinPath(path, key)
      const module = modules.get(path)!
      const known = held.get(name) ?? {
        ...{ name, path, parameter: module.parameters.get(key)!, stored: [], places: [] },
        slot: key === 'weight' ? module.slot : undefined,
      }
      held.set(name, known)
      known.stored.push(
        place.inStack === undefined ? { ...found } : { ...found, share: [index, parameters.length] },
      )
      known.places.push(place)
    }
  }
  return held.values()
}

/** The tensor of one parameter, and the name that the loader looks for. */
function tensorOf(
  held: HeldParameter,
  view: GgufView,
  made: MadeTensors,
): readonly [name: string, tensor: CheckpointTensor] {
  const { name, parameter, slot, path, places } = held
  const stored = held.stored.map(checkedShare)
  const [first] = stored as [StoredRows, ...StoredRows[]]
  const { type } = first.tensor
  const isAlike = stored.every(({ tensor }) => tensor.type === type)
  const keepsType = isAlike && places.every(({ offset }) => offset === undefined)
  const rowsOfBlocks = slot?.quantizable && keepsType && view === 'blocks' && isIntegerType(type)
  const weave = weaveOf(places)
  checkShapes(held, stored, weave)
  const origin = {
    ...{ name: first.tensor.name, file: first.file.path },
    ...{ fd: first.file.fd, position: positionOf(first) },
  }
  if (rowsOfBlocks) {
    const shape = [slot.outFeatures, blockRowBytes(type, slot.inFeatures)]
    const tensor = { ...origin, dtype: 'uint8', shape, byteLength: tensorBytes('uint8', shape) } as const
    const inPlace = weave === undefined
    return [joinPath(path, type), inPlace ? tensor : made.of(tensor, { stored, weave, as: 'stored' })]
  }
  const kept = keepsType ? FLOATS[type] : undefined
  const [dtype, { shape }] = [kept ?? 'float32', parameter]
  const tensor = { ...origin, dtype, shape, byteLength: tensorBytes(dtype, shape) }
  const turned = slot?.stored === 'in-out' ? { rows: slot.outFeatures, columns: slot.inFeatures } : undefined
  if (kept !== undefined && weave === undefined && turned === undefined) return [name, tensor]
  const [offset] = places.map((place) => place.offset)
  const as = kept === undefined ? 'float32' : 'stored'
  return [name, made.of(tensor, { stored, weave, as, offset, turned })]
}

const FLOATS: Partial<Record<GgufBlockType, Dtype>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }

/** Of the share, in the file. */
const positionOf = ({ tensor, share: [index, of] = [0, 1] }: StoredRows): number =>
  tensor.byteOffset + (index * tensor.byteLength) / of

/** @throws CheckpointError TENSOR_MISMATCH for a stack of another number. */
function checkedShare(stored: StoredRows): StoredRows {
  const { tensor, share, file } = stored
  if (share === undefined || tensor.shape[0] === share[1]) return stored
  throw mismatch(tensor.name, file.path, listed(tensor.shape), `${share[1]} matrices`)
}

/**
 * Compares tensors with the parameter that they are to make.
 *
 * @throws CheckpointError TENSOR_MISMATCH
 */
function checkShapes({ parameter, slot }: HeldParameter, stored: readonly StoredRows[], weave?: Weave): void {
  const [rows = 1, ...columns] = slot ? [slot.outFeatures, slot.inFeatures] : parameter.shape
  for (const [index, each] of stored.entries()) {
    const { tensor, file } = each
    const own = weave === undefined ? rows : (rows / weave.order.length) * weave.sizes[index]!
    const [found, expected] = [shapeOf(each), [own, ...columns]]
    const isWoven = weave !== undefined && columns.length === 0
    if (isWoven && isIntegerType(tensor.type)) {
      throw mismatch(tensor.name, file.path, `of the type ${tensor.type}`, 'a vector of floats')
    }
    if (listed(found) === listed(expected)) continue
    throw mismatch(tensor.name, file.path, listed(found), listed(expected))
  }
}

const listed = (shape: readonly number[]): string => `[${shape.join(', ')}]`

const mismatch = (tensor: string, file: string, found: string, expected: string): CheckpointError =>
  new CheckpointError('TENSOR_MISMATCH', `"${tensor}" in ${file} is ${found}, expected ${expected}`, {
    ...{ tensor, file, found, expected },
    hint: 'The metadata and the tensors describe different models; fetch the file again.',
  })

const missing = ({ files }: GgufCheckpoint, tensor: string): CheckpointError => {
  const file = files[0]?.path
  return new CheckpointError('TENSOR_MISSING', `${file} lacks "${tensor}"`, {
    ...{ tensor, file },
    hint: 'The file is damaged, or holds a part of a model only; fetch it again.',
  })
}

/** What is not read would be missing from the model without a word. */
function refuseUnknown(opened: GgufCheckpoint, known: ReadonlySet<string>): void {
  const unknown = [...opened.tensors.keys()].filter((name) => !known.has(name) && !NO_PARAMETERS.test(name))
  const [tensor] = unknown
  if (tensor === undefined) return
  const { file } = opened.tensors.get(tensor)!
  const names = `${listNames(unknown.slice(0, 3))}${unknown.length > 3 ? ' and more' : ''}`
  throw new CheckpointError(
    'TENSOR_UNEXPECTED',
    `${file.path}: ${unknown.length} tensors have no place in the model: ${names}`,
    {
      ...{ tensor, file: file.path, found: unknown },
      hint: 'The model is of a newer kind than its architecture says; load its Hugging Face checkpoint.',
    },
  )
}
