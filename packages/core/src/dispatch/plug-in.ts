import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { EnvironmentError } from '../errors/families.js'
import type { QuantizerBackend } from './registry.js'

/** What the package of a method is called. */
export const plugInPackage = (method: string): string => `hfquant-backend-${method.replaceAll('_', '-')}`

/**
 * Imports the backend of a method from the package that is named after it, which exports it as `quantizer`.
 *
 * @returns undefined when no such package is installed.
 * @throws EnvironmentError QUANTIZER_BROKEN for a package that is installed and cannot be imported; QUANTIZER_INVALID for
 * one without a backend of this method.
 */
export async function importPlugIn(method: string): Promise<QuantizerBackend | undefined> {
  const packageName = plugInPackage(method)
  let found: { quantizer?: QuantizerBackend }
  try {
    const url = resolvePackage(packageName)
    if (url === undefined) return undefined
    found = await import(url)
  } catch (cause) {
    throw broken(method, packageName, cause)
  }
  if (found.quantizer?.quantMethod === method) return found.quantizer
  throw new EnvironmentError('QUANTIZER_INVALID', `${packageName} exports no \`quantizer\` for "${method}"`, {
    field: 'quant_method',
    found: method,
    hint: 'The package must export `quantizer`, made by defineQuantizer or implementing QuantizerBackend.',
  })
}

/**
 * Plug-ins are dependencies of the application. Which folder that is nobody says: the one that it is run from, that of
 * its main script, or one above this package.
 */
function resolvePackage(packageName: string): string | undefined {
  const script = process.argv[1]
  const places = [join(process.cwd(), 'package.json'), ...(script ? [script] : []), import.meta.url]
  for (const place of places) {
    try {
      return pathToFileURL(createRequire(place).resolve(packageName)).href
    } catch (error) {
      if (!isAbsent(error, packageName)) throw error
    }
  }
  return undefined
}

/** True for the error of a package that is not there; false for that of one that is, and lacks something. */
export function isAbsent(error: unknown, packageName: string): boolean {
  const { code, message } = error as { code?: string; message?: string }
  const isMissing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
  // In quotes, because the name is also part of the paths inside of the package.
  return isMissing && message?.includes(`'${packageName}'`) === true
}

function broken(method: string, packageName: string, cause: unknown): EnvironmentError {
  const { code, message = String(cause) } = cause as { code?: string; message?: string }
  const hint =
    code === 'ERR_PACKAGE_PATH_NOT_EXPORTED'
      ? 'In its package.json, name the file under exports["."].default, whatever other conditions there are.'
      : `If it is linked from its sources, build it; otherwise install it again: npm install ${packageName}`
  return new EnvironmentError(
    'QUANTIZER_BROKEN',
    `${packageName}, which quant_method "${method}" needs, is installed and cannot be imported: ${message}`,
    { field: 'quant_method', found: method, hint, cause },
  )
}
