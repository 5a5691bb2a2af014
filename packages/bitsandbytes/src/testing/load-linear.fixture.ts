import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createScratchStore,
  dequantizedChunks,
  Embedding,
  type FloatDtype,
  findModule,
  Linear,
  loadModel,
  Module,
  nodeEnvironment,
  openCheckpoint,
  QuantizedModule,
  readParameter,
  type Shell,
} from '@hfquant/core/runtime'
import { createKernelPool } from '@hfquant/kernels'
import { type BitsAndBytesConfig, bitsandbytes } from '../index.js'
import type { RawTensor } from './golden.fixture.js'

export interface LinearOptions {
  /** Tensors below the module's path: "weight", "weight.absmax". */
  readonly tensors: ReadonlyMap<string, RawTensor>
  readonly outFeatures: number
  readonly inFeatures: number
  readonly dtype?: FloatDtype
  readonly config: BitsAndBytesConfig
  readonly preQuantized: boolean
}

export interface LoadedLinear {
  readonly module: QuantizedModule
  readonly warnings: readonly string[]
  /** Every component, by key. */
  readonly parts: ReadonlyMap<string, { readonly shape: readonly number[]; readonly bytes: Uint8Array }>
  /** float32 [outFeatures, inFeatures] */
  readonly dequantized: Float32Array
}

const PATH = 'model.fc'

/** Takes a model of one linear layer through the whole lifecycle of loading. */
export async function loadLinear(options: LinearOptions): Promise<LoadedLinear> {
  const { tensors, outFeatures, inFeatures, dtype = 'float32', config, preQuantized } = options
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-bnb-'))
  const store = createScratchStore(folder)
  await writeCheckpoint(join(folder, 'model.safetensors'), prefixed(tensors))
  const checkpoint = await openCheckpoint(folder)
  await using pool = createKernelPool({ workers: 1 })
  try {
    const shell = oneLinear(inFeatures, outFeatures, dtype)
    const quantizer = bitsandbytes.create(config, preQuantized)
    const environment = nodeEnvironment()
    const loaded = await loadModel({ checkpoint, shell, quantizer, environment, pool, store })
    const module = findModule(shell.root, PATH) as QuantizedModule
    if (!(module instanceof QuantizedModule)) throw new Error('the layer stayed in float')
    const parts = new Map<string, { shape: readonly number[]; bytes: Uint8Array }>()
    for (const { key } of module.components) {
      const parameter = module.component(key)
      parts.set(key, { shape: parameter.shape, bytes: await readParameter(parameter) })
    }
    const pieces: Uint8Array[] = []
    for await (const piece of dequantizedChunks(module)) pieces.push(piece)
    const dequantized = new Float32Array(new Uint8Array(Buffer.concat(pieces)).buffer)
    for (const [key, { bytes }] of parts) keepInMemory(module, key, bytes)
    return { module, warnings: loaded.warnings, parts, dequantized }
  } finally {
    store.release()
    await checkpoint.close()
    await rm(folder, { recursive: true })
  }
}

/** The folder goes away; the module stays usable. */
function keepInMemory(module: QuantizedModule, key: string, bytes: Uint8Array): void {
  const buffer = new SharedArrayBuffer(bytes.byteLength)
  new Uint8Array(buffer).set(bytes)
  const parameter = module.component(key)
  parameter.place({ kind: 'memory', buffer, dtype: parameter.dtype })
}

function oneLinear(inFeatures: number, outFeatures: number, dtype: FloatDtype): Shell {
  const root = new Module()
  const model = root.child('model', new Module())
  model.child('embed', new Embedding(1, 1, dtype))
  model.child('fc', new Linear(inFeatures, outFeatures, dtype))
  root.child('head', new Linear(1, 1, dtype))
  return {
    ...{ root, dtype, basePrefix: 'model', ties: [] },
    ...{ inputEmbedding: 'model.embed', outputEmbedding: 'head' },
  }
}

function prefixed(tensors: ReadonlyMap<string, RawTensor>): Map<string, RawTensor> {
  const one: RawTensor = { dtype: 'F32', shape: [1, 1], bytes: new Uint8Array(4) }
  const own = [...tensors].map(([key, tensor]) => [`${PATH}.${key}`, tensor] as const)
  return new Map([['model.embed.weight', one], ['head.weight', one], ...own])
}

async function writeCheckpoint(path: string, tensors: ReadonlyMap<string, RawTensor>): Promise<void> {
  const header: Record<string, object> = {}
  let end = 0
  for (const [name, { dtype, shape, bytes }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.byteLength] }
    end += bytes.byteLength
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.byteLength))
  await writeFile(path, Buffer.concat([length, json, ...[...tensors.values()].map(({ bytes }) => bytes)]))
}
