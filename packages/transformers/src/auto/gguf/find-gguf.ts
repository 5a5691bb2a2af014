import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError, listNames } from '@hfquant/core/runtime'

/**
 * The GGUF file that a path stands for: that very file, or the only one in a folder without other weights. Of a split
 * model, that is its first part.
 *
 * @returns undefined for everything else.
 * @throws CheckpointError GGUF_SEVERAL for a folder with several, which it names.
 */
export async function findGguf(path: string): Promise<string | undefined> {
  if (isGguf(path) && !(await isFolder(path))) return path
  const names = await readdir(path).catch(() => [])
  if (names.some(holdsOtherWeights)) return undefined
  const models = ggufModels(names)
  const [first] = models
  if (first === undefined || models.length === 1) return first && join(path, first)
  throw new CheckpointError('GGUF_SEVERAL', `${path} holds ${models.length} models: ${listNames(models)}`, {
    ...{ file: path, found: models, expected: 'one GGUF file' },
    hint: `Name the file itself: ${join(path, first)}`,
  })
}

/** Those of some names that are models: the first part of a split one, and nothing that only sees. */
export const ggufModels = (names: readonly string[]): readonly string[] =>
  names.filter((name) => isGguf(name) && !VISION.test(name) && !LATER_PART.test(name)).sort()

export const isGguf = (name: string): boolean => /\.gguf$/i.test(name)

/** True for the name of weights that go before GGUF files, of an index of them, or of the folder in which training keeps them. */
export const holdsOtherWeights = (name: string): boolean =>
  /\.safetensors(\.index\.json)?$|^pytorch_model.*\.bin(\.index\.json)?$|^checkpoints$/.test(name)

/** What sees, for a model that only reads. */
const VISION = /^mmproj/i

const LATER_PART = /-(?!00001)\d{5}-of-\d{5}\.gguf$/i

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
