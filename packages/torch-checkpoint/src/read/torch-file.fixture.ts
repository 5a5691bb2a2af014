import { type Code, pickle } from '../../attacks/build-pickle.js'
import { buildCheckpoint } from '../../attacks/build-zip.js'
import { withFile } from '../../attacks/temporary-file.js'
import { openTorchFile, type TorchFile, type TorchTensor } from '../index.js'

export const tensorOf = (file: TorchFile, name: string): TorchTensor => {
  const entry = file.entries.get(name)
  if (entry?.kind !== 'tensor') throw new Error(`${name} is no tensor`)
  return entry
}

export const collect = async (pieces: AsyncIterable<Uint8Array>): Promise<number[][]> => {
  const all: number[][] = []
  for await (const piece of pieces) all.push([...piece])
  return all
}

/** Runs with an open file that holds the pickled value and a storage of four floats. */
export const withCheckpoint = <T>(code: Code, run: (file: TorchFile, path: string) => Promise<T>) =>
  withFile(buildCheckpoint(pickle(code)), async (path) => {
    await using file = await openTorchFile(path)
    return await run(file, path)
  })
