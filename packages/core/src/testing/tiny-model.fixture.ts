import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runKernel } from '@hfquant/kernels'
import { writeSafetensors } from '@hfquant/safetensors'
import type { FloatDtype } from '../contract/tensor.js'
import { toSafetensorsDtype } from '../shell/dtype.js'
import { Embedding, Linear, Module } from '../shell/module.js'
import { type Shell, tie } from '../shell/shell.js'

/** A model of three linear layers, an embedding and a head. */
export function tinyShell(options: { readonly dtype?: FloatDtype; readonly tied?: boolean } = {}): Shell {
  const { dtype = 'float32', tied = false } = options
  const root = new Module()
  const model = root.child('model', new Module())
  model.child('embed_tokens', new Embedding(VOCABULARY, HIDDEN, dtype))
  const layers = model.child('layers', new Module())
  for (const index of [0, 1]) {
    const layer = layers.child(String(index), new Module())
    layer.child('up_proj', new Linear(HIDDEN, INNER, dtype, { bias: true }))
    layer.child('down_proj', new Linear(INNER, HIDDEN, dtype))
  }
  root.child('lm_head', new Linear(HIDDEN, VOCABULARY, dtype))
  const shell: Shell = {
    root,
    dtype,
    basePrefix: 'model',
    inputEmbedding: 'model.embed_tokens',
    outputEmbedding: 'lm_head',
    ties: [],
  }
  if (tied) tie(shell, { alias: 'lm_head.weight', target: 'model.embed_tokens.weight' })
  return shell
}

const VOCABULARY = 24
const HIDDEN = 32
const INNER = 48

/** Shapes of the tiny model's tensors, by name. */
const TINY_TENSORS: Readonly<Record<string, readonly number[]>> = {
  'model.embed_tokens.weight': [VOCABULARY, HIDDEN],
  'model.layers.0.up_proj.weight': [INNER, HIDDEN],
  'model.layers.0.up_proj.bias': [INNER],
  'model.layers.0.down_proj.weight': [HIDDEN, INNER],
  'model.layers.1.up_proj.weight': [INNER, HIDDEN],
  'model.layers.1.up_proj.bias': [INNER],
  'model.layers.1.down_proj.weight': [HIDDEN, INNER],
  'lm_head.weight': [VOCABULARY, HIDDEN],
}

export interface TinyCheckpoint {
  readonly dtype?: FloatDtype
  readonly omit?: readonly string[]
  readonly shapes?: Readonly<Record<string, readonly number[]>>
  /** Changes the values of a tensor, or adds one. */
  readonly values?: Readonly<Record<string, (index: number) => number>>
  readonly rename?: (name: string) => string
}

/** Writes a checkpoint of the tiny model with smooth, reproducible values. */
export async function writeTinyCheckpoint(folder: string, options: TinyCheckpoint = {}): Promise<string> {
  const { dtype = 'float32', omit = [], shapes = {}, values = {}, rename = (name: string) => name } = options
  await mkdir(folder, { recursive: true })
  const names = Object.entries({ ...TINY_TENSORS, ...shapes }).filter(([name]) => !omit.includes(name))
  const tensors = names.map(([name, shape], seed) => {
    const count = shape.reduce((product, size) => product * size, 1)
    const valueAt = values[name] ?? ((index: number) => Math.sin(index * 0.37 + seed) * (1 + (index % 7)))
    const floats = Float32Array.from({ length: count }, (_, index) => valueAt(index))
    return { name: rename(name), dtype: toSafetensorsDtype(dtype), shape, data: encode(floats, dtype) }
  })
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { metadata: { format: 'pt' } })
  await writeFile(
    join(folder, 'config.json'),
    '{\n  "architectures": [\n    "Tiny"\n  ],\n  "eps": 1e-05\n}\n',
  )
  return folder
}

function encode(floats: Float32Array, dtype: FloatDtype): Uint8Array {
  const bytes = new Uint8Array(floats.buffer)
  if (dtype === 'float32') return bytes
  const out = new Uint8Array(floats.length * 2)
  runKernel('cast', { from: 'float32', to: dtype }, [bytes], [out])
  return out
}

/** A folder that is removed when the tests of a file are done. */
export function temporaryFolder(register: (cleanUp: () => void) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'hfquant-core-'))
  register(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
