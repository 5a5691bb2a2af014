import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type FloatDtype, type JsonObject, type Shell, walkParameters } from '@hfquant/core/runtime'
import { type SafetensorsDtype, writeSafetensors } from '@hfquant/safetensors'
import { buildShell, type ModelLayout } from './layout.js'
import { encodeFloats, gaussian } from './values.js'

/** What to change about a checkpoint that is written. */
export interface CheckpointOptions {
  /** Dtype of the tensors, and of config.json; default float32. */
  readonly dtype?: FloatDtype
  /** Different seeds give different weights; default "weights". */
  readonly seed?: string
  /** Names of tensors to leave out. */
  readonly omit?: readonly string[]
  /** Values of some tensors in place of the generated ones, by name; row-major. */
  readonly values?: Readonly<Record<string, (index: number) => number>>
  /** Additions to config.json, which begins as `{ architectures: ['TinyForTesting'], dtype }`. */
  readonly config?: JsonObject
}

const SAFETENSORS_NAMES: Readonly<Record<FloatDtype, SafetensorsDtype>> = {
  float32: 'F32',
  bfloat16: 'BF16',
  float16: 'F16',
}

/**
 * Writes a float checkpoint of a layout: config.json and model.safetensors. Weights are normally distributed and always
 * the same; vectors are close to one, biases to zero. A tied parameter is stored once, under the name of its target.
 *
 * @returns the folder.
 */
export const writeCheckpoint = (
  folder: string,
  layout: ModelLayout,
  options: CheckpointOptions = {},
): Promise<string> => writeShell(folder, buildShell(layout, options.dtype), options)

/** The same for a model on the meta device. */
export async function writeShell(
  folder: string,
  shell: Shell,
  options: CheckpointOptions = {},
): Promise<string> {
  const { dtype = 'float32', seed = 'weights', omit = [], values = {}, config = {} } = options
  await mkdir(folder, { recursive: true })
  const left = new Set([...omit, ...shell.ties.map(({ alias }) => alias)])
  const tensors = [...walkParameters(shell.root)]
    .filter(([name]) => !left.has(name))
    .map(([name, { shape, dtype: own }]) => {
      const floats = generate(`${seed}/${name}`, name, shape)
      const valueAt = values[name]
      if (valueAt !== undefined) for (const index of floats.keys()) floats[index] = valueAt(index)
      const stored = own as FloatDtype
      return { name, dtype: SAFETENSORS_NAMES[stored], shape, data: encodeFloats(floats, stored) }
    })
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { metadata: { format: 'pt' } })
  const json = { architectures: ['TinyForTesting'], dtype, ...config }
  await writeFile(join(folder, 'config.json'), `${JSON.stringify(json, null, 2)}\n`)
  return folder
}

/** Outputs stay near 1 from layer to layer when the spread of a matrix falls with its width. */
function generate(seed: string, name: string, shape: readonly number[]): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1)
  if (shape.length <= 1) {
    const floats = gaussian(seed, count, 0.1)
    return name.endsWith('bias') ? floats : floats.map((value) => value + 1)
  }
  return gaussian(seed, count, 1 / Math.sqrt(Math.max(shape.at(-1)!, 1)))
}
