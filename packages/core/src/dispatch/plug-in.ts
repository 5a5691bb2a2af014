import { pathToFileURL } from 'node:url'
import { EnvironmentError } from '../errors/families.js'
import { resolvePlugIn } from './trusted-places.js'

/** Who asks for the package of a plug-in, for the errors about it. */
export interface PlugInRequest {
  /** The model whose files name the plug-in; absent when a caller names it. */
  readonly modelFolder?: string | undefined
  /** The field that names it, such as `quant_method`. */
  readonly field: string
  /** What the field says. */
  readonly found: string
  /** `code` of the error about a package that cannot be imported. */
  readonly brokenCode: string
}

/** A plug-in that was imported, or why it was not. */
export type ImportedPlugIn =
  | { readonly exports: Readonly<Record<string, unknown>> }
  /** `refused` says why the package that is installed may not be imported; undefined when none is. */
  | { readonly exports?: undefined; readonly refused: string | undefined }

/**
 * Imports a package that a file of a model names, from the places that `resolvePlugIn` trusts and from no other.
 *
 * @param packageName anything that is no package name is not looked for.
 * @throws EnvironmentError with `brokenCode` for a package that is installed and cannot be imported.
 */
export async function importPlugIn(packageName: string, request: PlugInRequest): Promise<ImportedPlugIn> {
  try {
    const resolution = resolvePlugIn(packageName, request.modelFolder)
    if (resolution.entry === undefined) return resolution
    return { exports: await import(pathToFileURL(resolution.entry).href) }
  } catch (cause) {
    throw broken(packageName, request, cause)
  }
}

/** True for the error of a package that is not there; false for that of one that is, and lacks something. */
export function isAbsent(error: unknown, packageName: string): boolean {
  const { code, message } = error as { code?: string; message?: string }
  const isMissing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
  // In quotes, because the name is also part of the paths inside of the package.
  return isMissing && message?.includes(`'${packageName}'`) === true
}

function broken(
  packageName: string,
  { brokenCode, field, found }: PlugInRequest,
  cause: unknown,
): EnvironmentError {
  const { code, message = String(cause) } = cause as { code?: string; message?: string }
  const hint =
    code === 'ERR_PACKAGE_PATH_NOT_EXPORTED'
      ? 'In its package.json, name the file under exports["."].default, whatever other conditions there are.'
      : `If it is linked from its sources, build it; otherwise install it again: npm install ${packageName}`
  return new EnvironmentError(
    brokenCode,
    `${packageName}, which ${field} "${found}" needs, is installed and cannot be imported: ${message}`,
    { field, found, hint, cause },
  )
}
