import {
  describeTensor,
  QuantizedModule,
  readParameter,
  type Shell,
  stateDict,
  walkModules,
} from '@hfquant/core/runtime'
import { readCheckpoint } from '../models/read-checkpoint.js'
import { demand } from './breach.js'

/** A tensor with its bytes. */
export interface ReadTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/** Every tensor of a model by name: what a checkpoint of it holds. */
export async function readTensors(shell: Shell): Promise<ReadonlyMap<string, ReadTensor>> {
  const tensors = new Map<string, ReadTensor>()
  for (const { name, dtype, shape, parameter } of stateDict(shell)) {
    tensors.set(name, { dtype, shape, bytes: await readParameter(parameter) })
  }
  return tensors
}

/** Every tensor of a saved model, as it lies in the files. */
export async function readStoredTensors(folder: string): Promise<ReadonlyMap<string, ReadTensor>> {
  const { tensors } = await readCheckpoint(folder)
  return new Map(tensors.map(({ name, dtype, shape, data }) => [name, { dtype, shape, bytes: data }]))
}

/** @throws ContractBreach naming the first tensor that differs, and how. */
export function demandSameTensors(
  found: ReadonlyMap<string, ReadTensor>,
  wanted: ReadonlyMap<string, ReadTensor>,
  sides: { readonly found: string; readonly wanted: string },
  contract: string,
): void {
  const difference = firstDifference(found, wanted, sides)
  demand(difference === undefined, () => difference ?? '', contract)
}

function firstDifference(
  found: ReadonlyMap<string, ReadTensor>,
  wanted: ReadonlyMap<string, ReadTensor>,
  sides: { readonly found: string; readonly wanted: string },
): string | undefined {
  for (const name of found.keys())
    if (!wanted.has(name)) return `${sides.found} has a tensor ${name}, ${sides.wanted} has none`
  for (const [name, expected] of wanted) {
    const own = found.get(name)
    if (own === undefined) return `${sides.found} lacks the tensor ${name} of ${sides.wanted}`
    const [left, right] = [own, expected].map(({ dtype, shape }) => `${dtype} [${shape.join(', ')}]`)
    if (left !== right) return `${name} is ${left} in ${sides.found}, ${right} in ${sides.wanted}`
    const at = own.bytes.findIndex((byte, index) => byte !== expected.bytes[index])
    if (at >= 0)
      return `${name}: byte ${at} of ${own.bytes.length} is ${own.bytes[at]} in ${sides.found}, ${expected.bytes[at]} in ${sides.wanted}`
  }
  return undefined
}

/** The quantized modules of a model, by path. */
export const quantizedModules = (shell: Shell): ReadonlyMap<string, QuantizedModule> =>
  new Map(
    [...walkModules(shell.root)].filter(
      (entry): entry is readonly [string, QuantizedModule] => entry[1] instanceof QuantizedModule,
    ),
  )

/** What a shell is made of: class, names, dtypes and shapes, and which names share a parameter. */
export function describeShell(shell: Shell): readonly string[] {
  const numbers = new Map<object, number>()
  const lines = [...walkModules(shell.root)].flatMap(([path, module]) => [
    `${path}: ${module.constructor.name}`,
    ...[...module.parameters].map(([name, parameter]) => {
      if (!numbers.has(parameter)) numbers.set(parameter, numbers.size)
      return `${path}.${name}: ${describeTensor(parameter)}, parameter ${numbers.get(parameter)}`
    }),
  ])
  return [...lines, ...shell.ties.map(({ alias, target }) => `${alias} is tied to ${target}`)]
}

/** The first thing in which a shell differs from what it was. */
export function shellChange(before: readonly string[], after: readonly string[]): string | undefined {
  const gone = before.find((line) => !after.includes(line))
  const added = after.find((line) => !before.includes(line))
  if (gone === undefined && added === undefined) return undefined
  return `it had "${gone ?? 'nothing'}" and has "${added ?? 'nothing'}"`
}
