import {
  CapabilityError,
  CheckpointError,
  isBorrowed,
  type LoadedModel,
  type OnProgress,
  QuantizedModule,
  readUnreplaced,
  type Shell,
  stageFile,
  walkModules,
} from '@hfquant/core/runtime'
import type { GgufMetadata, GgufModel } from '@hfquant/models'
import type { OpenedModel } from '../../auto/open/open-model.js'
import { type FloatWeight, floatWeights } from '../float-weight.js'
import { unknownFamily } from '../unknown-family.js'
import { type ArrangedWeight, arrangeWeight } from './arrange-weight.js'
import { encodeHeader, type GgufTensorInfo } from './encode-header.js'
import { encodeTensor, type GgufTensor, needsFloat32 } from './encode-tensor.js'
import { metadataNumbers } from './metadata-numbers.js'
import { modelName } from './model-name.js'
import type { PreTokenizerName } from './pre-tokenizer.js'
import { FILE_TYPE, type GgufType, tensorType, tensorTypeBytes } from './tensor-type.js'
import { readVocabulary } from './vocabulary.js'

export interface GgufSettings {
  readonly type: GgufType
  readonly pure: boolean
  readonly name: string | undefined
  readonly preTokenizer: PreTokenizerName | undefined
  readonly signal: AbortSignal | undefined
  readonly onProgress: OnProgress | undefined
}

export interface GgufResult {
  readonly bytes: number
  readonly tensors: number
  readonly warnings: readonly string[]
}

/**
 * Writes a loaded model as one GGUF file. Everything that llama.cpp would end the process for is checked before; the
 * weights pass through memory in pieces.
 */
export async function exportGguf(
  opened: OpenedModel,
  loaded: LoadedModel,
  out: string,
  settings: GgufSettings,
): Promise<GgufResult> {
  const { folder, model, configFile } = opened
  const target = model.gguf?.()
  if (target === undefined) throw unknownFamily(model.name, 'GGUF', ({ hasGguf }) => hasGguf)
  const vocabulary = await readUnreplaced(folder, opened.folderIdentity, () =>
    readVocabulary(folder, {
      size: model.facts.vocabSize,
      config: configFile.value,
      preTokenizer: settings.preTokenizer,
    }),
  )
  const metadata: GgufMetadata = new Map([
    ['general.architecture', { string: target.architecture }],
    ['general.type', { string: 'model' }],
    ['general.name', { string: modelName(folder, settings.name) }],
    ['general.file_type', { u32: FILE_TYPE[settings.type] }],
    ['general.quantization_version', { u32: QUANTIZATION_VERSION }],
    ...target.metadata,
    ...(await metadataNumbers(loaded.shell, target)),
    ...vocabulary.metadata,
  ])
  const tensors = tensorsOf(loaded.shell, target)
  const { infos, warnings } = await chooseTypes(tensors, settings, target.outputMatrix)
  const bytes = await write(out, metadata, tensors, infos, settings)
  return {
    bytes,
    tensors: tensors.length,
    warnings: [...vocabulary.warnings, ...target.warnings, ...warnings],
  }
}

/** Every tensor of the file, tokenizer aside; a tied output matrix is left out unless llama.cpp wants one of its own. */
function tensorsOf(shell: Shell, target: GgufModel): readonly GgufTensor[] {
  const aliases = new Set(shell.ties.map(({ alias }) => alias))
  const inMetadata = new Set([...(target.metadataNumbers?.values() ?? [])].flat())
  const tensors: GgufTensor[] = []
  const stacks = new Map<string, ArrangedWeight[]>()
  for (const [path, module] of walkModules(shell.root)) {
    const borrows = module instanceof QuantizedModule && isBorrowed(shell, module)
    for (const [key, weight] of floatWeights(path, module)) {
      if (inMetadata.has(weight.name)) continue
      const places = target.places(path, key)
      const isOutput = places.some(({ name }) => name === target.outputMatrix)
      const isAlias = aliases.has(weight.name) || (borrows && key === 'weight')
      if (isAlias && !isOutput) continue
      if (places.length === 0) throw nameless(weight.name)
      for (const { name, inStack, offset, ...order } of places) {
        const arranged = arrangeWeight(weight, order)
        if (inStack === undefined) tensors.push({ name, offset, ...arranged })
        else stacks.set(name, [...(stacks.get(name) ?? []), arranged])
      }
    }
  }
  const tables = target.tables.map(({ name, values }) => ({
    ...{ name, weight: computed(name, values), shape: [values.length] },
  }))
  return [...tensors, ...[...stacks].map(([name, weights]) => stacked(name, weights)), ...tables]
}

/** Matrices of one shape, in the order of the model. */
function stacked(name: string, matrices: readonly ArrangedWeight[]): GgufTensor {
  const [first] = matrices as [ArrangedWeight, ...ArrangedWeight[]]
  const [rows = 1, ...rest] = first.weight.shape
  return {
    ...{ name, shape: [matrices.length, ...first.shape] },
    weight: {
      ...first.weight,
      shape: [matrices.length * rows, ...rest],
      async *chunks() {
        for (const { weight } of matrices) yield* weight.chunks()
      },
    },
  }
}

const nameless = (tensor: string): CapabilityError =>
  new CapabilityError('EXPORT_TENSOR', `llama.cpp has no name for "${tensor}"`, {
    tensor,
    hint: 'A tensor that llama.cpp does not know keeps it from loading the file.',
  })

const computed = (name: string, values: Float32Array): FloatWeight => ({
  name,
  dtype: 'float32',
  shape: [values.length],
  async *chunks() {
    yield new Uint8Array(values.buffer)
  },
})

/** `GGML_QNT_VERSION`. */
const QUANTIZATION_VERSION = 2

async function chooseTypes(
  tensors: readonly GgufTensor[],
  { type, pure, signal }: GgufSettings,
  outputMatrix: string,
): Promise<{ infos: GgufTensorInfo[]; warnings: string[] }> {
  const infos: GgufTensorInfo[] = []
  const warnings: string[] = []
  for (const { name, weight, shape } of tensors) {
    signal?.throwIfAborted()
    const chosen = tensorType({ name, shape }, { type, pure, outputMatrix })
    const overflows = chosen === 'F16' && (await needsFloat32(weight))
    if (overflows) warnings.push(`${name} holds values beyond float16 and is stored in float32`)
    infos.push({ name, shape, type: overflows ? 'F32' : chosen })
  }
  return { infos, warnings }
}

async function write(
  out: string,
  metadata: GgufMetadata,
  tensors: readonly GgufTensor[],
  infos: readonly GgufTensorInfo[],
  { signal, onProgress }: GgufSettings,
): Promise<number> {
  const header = encodeHeader(metadata, infos)
  const file = await stageFile(out, isGguf)
  try {
    await file.write(header.bytes)
    let doneBytes = header.bytes.byteLength
    for (const [index, tensor] of tensors.entries()) {
      const info = infos[index]!
      let written = 0
      for await (const bytes of encodeTensor(tensor, info.type)) {
        signal?.throwIfAborted()
        await file.write(bytes)
        written += bytes.byteLength
      }
      checkSize(tensor, written, tensorTypeBytes(info.type, info.shape))
      doneBytes += written
      const end = header.positions[index + 1] ?? header.fileBytes
      await file.write(new Uint8Array(end - doneBytes))
      doneBytes = end
      const progress = { tensor: tensor.weight.name, done: index + 1, total: tensors.length }
      onProgress?.({ stage: 'export', ...progress, doneBytes, totalBytes: header.fileBytes })
    }
    await file.commit()
    return doneBytes
  } catch (error) {
    await file.discard()
    throw error
  }
}

/** By its first four bytes. */
const isGguf = (start: Uint8Array): boolean => Buffer.from(start.subarray(0, 4)).toString('latin1') === 'GGUF'

function checkSize({ weight }: GgufTensor, found: number, expected: number): void {
  if (found === expected) return
  throw new CheckpointError(
    'TENSOR_SIZE',
    `"${weight.name}" gave ${found} bytes, its shape needs ${expected}`,
    {
      tensor: weight.name,
      found,
      expected,
    },
  )
}
