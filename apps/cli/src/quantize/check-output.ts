import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { UsageError } from '../output/failure.js'

/**
 * Writing replaces what is in the folder, which must not be the model itself, nor a folder around it.
 *
 * @throws UsageError OUTPUT_IS_INPUT, OUTPUT_IS_FILE.
 */
export async function checkOutput(folder: string, out: string): Promise<void> {
  const source = await realpath(folder)
  const target = await realpath(out).catch(() => nearestRealPath(resolve(out)))
  const way = relative(target, source)
  const isAround = way === '' || !(way === '..' || way.startsWith(`..${sep}`) || resolve(way) === way)
  if (isAround) {
    throw new UsageError(
      'OUTPUT_IS_INPUT',
      `${out} ${way === '' ? 'is the folder of the model' : 'holds the model'}`,
      {
        file: target,
        hint: 'Choose another folder for the quantized model.',
      },
    )
  }
  if ((await stat(target).catch(() => undefined))?.isDirectory() === false) {
    throw new UsageError('OUTPUT_IS_FILE', `${out} is a file, expected a folder or a name that is free`, {
      file: target,
      hint: 'Choose another folder for the quantized model.',
    })
  }
}

/** Where a path that does not exist would be, with the links of its existing part followed. */
async function nearestRealPath(path: string): Promise<string> {
  const parent = dirname(path)
  if (parent === path) return path
  return join(await realpath(parent).catch(() => nearestRealPath(parent)), basename(path))
}
