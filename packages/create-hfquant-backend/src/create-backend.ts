import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The template is a package for the method "my_method". */
const TEMPLATE = fileURLToPath(new URL('../template', import.meta.url))
const TEMPLATE_NAME = /my-method/g
const TEMPLATE_METHOD = /my_method/g
/** Packages of hfquant share one version: that of this package is the one that a new backend begins with. */
const TEMPLATE_RANGE = /("(?:@hfquant\/[a-z-]+|hfquant)": ")\^[\d.]+/g

/** What a package is called so that a `quant_method` in config.json finds it. */
const PREFIX = 'hfquant-backend-'

export interface CreatedBackend {
  readonly packageName: string
  /** `quant_method` of config.json. */
  readonly quantMethod: string
  readonly folder: string
  /** Paths below `folder`. */
  readonly files: readonly string[]
}

/** A name or a folder that does not do. */
export class CreateError extends Error {}

/**
 * Writes a package with a quantization method into a new folder below `parent`, named after the package.
 *
 * @param name "my-method"; the method is then called "my_method", the package "hfquant-backend-my-method".
 * @throws CreateError for a name that makes no package name, and a folder that has something in it.
 */
export async function createBackend(name: string, parent: string): Promise<CreatedBackend> {
  const short = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(short)) {
    throw new CreateError(`"${name}" is no name for a method: lower-case words and digits, joined by "-"`)
  }
  const packageName = PREFIX + short
  const quantMethod = short.replaceAll('-', '_')
  const folder = join(parent, packageName)
  await mkdir(folder, { recursive: true })
  if ((await readdir(folder)).length > 0) throw new CreateError(`${folder} is not empty`)
  await cp(TEMPLATE, folder, { recursive: true })
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  for (const path of paths) {
    const text = await readFile(path, 'utf8')
    const named = text.replace(TEMPLATE_NAME, short).replace(TEMPLATE_METHOD, quantMethod)
    await writeFile(path, named.replace(TEMPLATE_RANGE, `$1^${version}`))
  }
  return {
    packageName,
    quantMethod,
    folder,
    files: paths.map((path) => path.slice(folder.length + 1)).sort(),
  }
}
