import { createRequire } from 'node:module'
import { PackageBundledError } from './errors.js'

/**
 * The path of a file of a package by its public name, such as "@hfquant/kernels/worker": threads are started from
 * files, and a package finds its own by name from `src` as well as from `dist`.
 *
 * @param from `import.meta.url` of the caller; undefined in what bundlers make of it for CommonJS
 * @throws PackageBundledError when the file is not where the package was installed
 */
export function installedFile(specifier: string, from: string | undefined): string {
  try {
    if (from !== undefined) return createRequire(from).resolve(specifier)
  } catch (cause) {
    throw new PackageBundledError(specifier, cause)
  }
  throw new PackageBundledError(specifier)
}
