import { readFileSync, realpathSync, type Stats, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { othersCanWrite } from '../files/others-can-write.js'
import { liesIn } from '../load/lies-in.js'

/** Where a package was found, or why it may not be imported from where it was found. */
export type Resolution =
  | { readonly entry: string }
  /** `refused` is undefined when no place has the package. */
  | { readonly entry?: undefined; readonly refused: string | undefined }

/** A `node_modules` folder, and what speaks against importing from it. */
interface Place {
  readonly modules: string
  readonly problem: string | undefined
}

/**
 * The file to import for a package whose name a model gave. Files of a model name packages, so only these places count:
 *
 * - the application: the package of the entry script, or that of the current folder, whose package.json lists the package
 *   as a dependency. Workspaces keep packages in folders above: those count as well, up to the first that others can write.
 * - the `node_modules` folders in which hfquant itself, or the entry script, is installed.
 *
 * A folder that is the model, holds it, or lies in it is none of these, however it is reached: paths are compared after
 * following links. A tool that is installed above a model stays one, since its own code comes from there.
 *
 * @param modelFolder the model that names the package; absent when a caller names it.
 * @throws whatever Node says of a package that is there and has no usable entry.
 */
export function resolvePlugIn(packageName: string, modelFolder: string | undefined): Resolution {
  if (!PACKAGE_NAME.test(packageName) || packageName.length > MAX_PACKAGE_NAME) return { refused: undefined }
  const model = modelFolder === undefined ? undefined : realPath(resolve(modelFolder))
  const refusals: string[] = []
  for (const { modules, problem } of [...ofApplications(packageName, model), ...besideTool(model)]) {
    const folder = join(modules, packageName)
    if (!isDirectory(folder)) continue
    const refused = problem ?? relationTo(model, realPath(folder))
    if (refused === undefined) return { entry: entryOf(modules, packageName) }
    refusals.push(`it is not imported from ${modules}, which ${refused}`)
  }
  return { refused: refusals[0] }
}

/** What npm allows, less scopes, dots and underscores, which no plug-in has: names travel into paths. */
const PACKAGE_NAME = /^[a-z0-9][a-z0-9-]*$/
const MAX_PACKAGE_NAME = 214

/** The folders of `node_modules` that an application sees, from its own upwards. */
function ofApplications(packageName: string, model: string | undefined): Place[] {
  const script = process.argv[1] === undefined ? undefined : fileOf(process.argv[1])
  const starts = [...(script === undefined ? [] : [dirname(script)]), realPath(process.cwd())]
  const roots = new Set(starts.map(packageRoot).filter((root) => root !== undefined))
  // Whose code runs already may put more of it beside: containers run as root what others own.
  const owners = [process.getuid?.(), script === undefined ? undefined : statOf(script)?.uid]
  return [...roots]
    .filter((root) => dependsOn(root, packageName))
    .flatMap((root) => {
      const places: Place[] = []
      let problem: string | undefined
      for (const folder of upwards(root)) {
        const modules = join(folder, 'node_modules')
        problem ??= relationTo(model, folder)
        problem ??= [folder, modules].some((path) => isOpenToOthers(path, owners))
          ? 'others can write'
          : undefined
        places.push({ modules, problem })
      }
      return places
    })
}

/** Installed packages lie in `node_modules` folders, sometimes one in another. */
function besideTool(model: string | undefined): Place[] {
  const script = process.argv[1]
  const files = [
    fileURLToPath(import.meta.url),
    ...(script === undefined ? [] : [resolve(script), fileOf(script)]),
  ]
  const modules = new Set(files.flatMap((file) => [...upwards(dirname(file))].filter(isModulesFolder)))
  return [...modules].map((folder) => ({
    modules: folder,
    problem: model !== undefined && liesIn(realPath(folder), model) ? 'lies in the model' : undefined,
  }))
}

const isModulesFolder = (folder: string): boolean => folder.endsWith(`${sep}node_modules`)

/** The nearest package.json that is one of a package: some only say how to read the files beside them. */
function packageRoot(start: string): string | undefined {
  for (const folder of upwards(start)) {
    const { name, dependencies } = manifestOf(folder) ?? {}
    if (name !== undefined || dependencies !== undefined) return folder
  }
  return undefined
}

const DEPENDENCIES = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']

function dependsOn(root: string, packageName: string): boolean {
  const manifest = manifestOf(root)
  return DEPENDENCIES.some((kind) => {
    const listed = manifest?.[kind]
    return typeof listed === 'object' && listed !== null && Object.hasOwn(listed, packageName)
  })
}

function manifestOf(folder: string): Record<string, unknown> | undefined {
  const path = join(folder, 'package.json')
  // A pipe of that name would be waited for.
  if (!statOf(path)?.isFile()) return undefined
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** How a folder and the model lie to each other, if they do. */
function relationTo(model: string | undefined, folder: string): string | undefined {
  if (model === undefined) return undefined
  if (liesIn(folder, model)) return 'is the model, or lies in it'
  return liesIn(model, folder) ? 'holds the model' : undefined
}

/** What is not there cannot be written into. */
function isOpenToOthers(path: string, owners: readonly (number | undefined)[]): boolean {
  const found = statOf(path)
  return found !== undefined && othersCanWrite(found, owners)
}

/** The file that importing the package loads; never that of a package of the same name further up. */
function entryOf(modules: string, packageName: string): string {
  const entry = createRequire(join(dirname(modules), 'package.json')).resolve(packageName)
  if (liesIn(realPath(entry), realPath(join(modules, packageName)))) return entry
  throw new TypeError(`${join(modules, packageName)} has no entry of its own`)
}

function* upwards(folder: string): Generator<string> {
  for (let at = folder; ; at = dirname(at)) {
    yield at
    if (dirname(at) === at) return
  }
}

/** Node runs `main` as main.js, and links to scripts. */
const fileOf = (script: string): string => realPath(resolve(script))

const statOf = (path: string): Stats | undefined => {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

const isDirectory = (path: string): boolean => statOf(path)?.isDirectory() === true

/** The path itself when there is nothing there. */
function realPath(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    return path
  }
}
