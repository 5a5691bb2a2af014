/**
 * Holds the arrows between packages: who may import whom, and that package.json says the same.
 *
 *   node tools/check-imports.mjs          prints one line per violation; exits with 1 if there is one
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { importsOf } from './imports-of.mjs'
import { backendPackages } from './list-backends.mjs'

const FORMATS = ['@hfquant/safetensors', '@hfquant/torch-checkpoint', '@hfquant/gguf', '@hfquant/kernels']
const RUNNING = ['@hfquant/core', '@hfquant/kernels', '@hfquant/onnx']
const BACKENDS = backendPackages()

const LIBRARIES = [
  ...FORMATS,
  ...['@hfquant/core', '@hfquant/calibrate', '@hfquant/grammar', '@hfquant/models', '@hfquant/onnx'],
  ...['@hfquant/transformers', '@hfquant/gliner'],
  ...BACKENDS,
]

/** Which packages of this workspace each one may import. */
const MAY_IMPORT = {
  '@hfquant/safetensors': [],
  '@hfquant/torch-checkpoint': [],
  '@hfquant/gguf': [],
  '@hfquant/kernels': [],
  '@hfquant/core': FORMATS,
  '@hfquant/grammar': ['@hfquant/core'],
  '@hfquant/calibrate': ['@hfquant/core', '@hfquant/kernels'],
  '@hfquant/onnx': ['@hfquant/core', '@hfquant/kernels', '@hfquant/grammar'],
  '@hfquant/models': ['@hfquant/core'],
  '@hfquant/transformers': [...RUNNING, '@hfquant/gguf', '@hfquant/models', '@hfquant/grammar'],
  '@hfquant/gliner': [...RUNNING, '@hfquant/models', '@hfquant/transformers'],
  ...Object.fromEntries(BACKENDS.map((name) => [name, [...RUNNING, '@hfquant/calibrate']])),
  hfquant: LIBRARIES,
  '@hfquant/testkit': ['@hfquant/core', '@hfquant/models', '@hfquant/safetensors', '@hfquant/onnx'],
  'create-hfquant-backend': [],
  '@hfquant/cli': ['hfquant', '@hfquant/server'],
  '@hfquant/server': ['hfquant'],
  '@hfquant/ai-sdk': ['hfquant'],
  // Benchmarks measure the parts, too.
  '@hfquant/bench': ['hfquant', '@hfquant/server', '@hfquant/testkit', ...LIBRARIES],
}

/** Packages that run with nothing from outside of this workspace. */
const WITHOUT_OUTSIDERS = ['@hfquant/core', ...FORMATS]

/** The door of core for what loads, saves and runs models. */
const RUNTIME = '@hfquant/core/runtime'

/** Names that no line of core holds: it must not know which backends exist. */
const BACKEND_NAMES =
  /torchao|bitsandbytes|\bbnb|gptq|hqq|\bawq|auto-?round|quanto|eetq|aqlm|mxfp4|compressed.tensors/i

/** Tests, and what only tests import. */
const TEST_FILE = /\.(test|arbitrary|fixture)\.ts$/

/** Types that a plug-in author sees; they stand alone. */
const CONTRACT = join('packages', 'core', 'src', 'contract') + sep

/** Every violation below `root`, as "file:line what: why". */
export function checkImports(root) {
  const workspace = readWorkspace(root)
  return workspace.packages.flatMap((member) => [
    ...member.files.flatMap((file) => checkFile(file, member, workspace)),
    ...checkDependencies(member, workspace),
  ])
}

function checkFile(file, member, workspace) {
  const violations = file.imports.flatMap(({ specifier, line }) => {
    const problem = checkImport(specifier, file, member, workspace)
    return problem === undefined ? [] : [`${file.path}:${line} imports ${specifier}: ${problem}`]
  })
  if (member.name !== '@hfquant/core' || file.isTest) return violations
  const named = file.text.split('\n').flatMap((line, index) => {
    const name = BACKEND_NAMES.exec(line)?.[0]
    return name ? [`${file.path}:${index + 1} names ${name}: not allowed, core knows no backend`] : []
  })
  return [...violations, ...named]
}

/** What is wrong with one import, or undefined. */
function checkImport(specifier, file, member, workspace) {
  if (specifier.startsWith('.')) {
    const target = relative(workspace.root, resolve(workspace.root, dirname(file.path), specifier))
    if (!target.startsWith(member.folder + sep)) return 'not allowed, may import other packages by name only'
    const leavesContract = file.path.startsWith(CONTRACT) && !target.startsWith(CONTRACT)
    return leavesContract ? 'not allowed, may import nothing outside of contract/' : undefined
  }
  if (!file.isTest && file.path.startsWith(CONTRACT))
    return 'not allowed, may import nothing outside of contract/'
  if (isBuiltin(specifier))
    return specifier.startsWith('node:') ? undefined : `not allowed, write node:${specifier}`

  const name = packageName(specifier)
  const forTests = file.isTest ? [...member.development, ...workspace.development] : []
  const sibling = workspace.packages.find((other) => other.name === name)
  if (!sibling) {
    if (forTests.includes(name)) return undefined
    if (WITHOUT_OUTSIDERS.includes(member.name)) return 'not allowed, may import nothing from outside'
    return member.runtime.includes(name) ? undefined : 'not allowed, may import what package.json depends on'
  }
  const allowed = MAY_IMPORT[member.name] ?? []
  if (![...allowed, ...forTests].includes(name)) return `not allowed, may import ${listed(allowed)}`
  if (specifier === RUNTIME && !file.isTest && BACKENDS.includes(member.name)) {
    return 'not allowed, a method needs no more than @hfquant/core'
  }
  if (!sibling.doors.includes(`.${specifier.slice(name.length)}`)) {
    return `not allowed, may import ${listed(sibling.doors.map((door) => name + door.slice(1)))}`
  }
  return [...member.runtime, ...forTests].includes(name)
    ? undefined
    : 'not allowed, package.json does not depend on it'
}

/** What package.json states and no source file uses. */
function checkDependencies(member, { packages }) {
  const path = join(member.folder, 'package.json')
  if (!MAY_IMPORT[member.name])
    return [`${path}:1 names ${member.name}: not in the table of tools/check-imports.mjs`]
  const used = new Set(
    member.files
      .filter(({ isTest }) => !isTest)
      .flatMap(({ imports }) => imports.map((found) => packageName(found.specifier))),
  )
  return member.runtime.flatMap((name) => {
    const line = member.text.slice(0, member.text.indexOf(`"${name}"`)).split('\n').length
    const isOutsider = !packages.some((other) => other.name === name)
    if (isOutsider && WITHOUT_OUTSIDERS.includes(member.name)) {
      return [`${path}:${line} depends on ${name}: not allowed, may depend on nothing from outside`]
    }
    return used.has(name)
      ? []
      : [`${path}:${line} depends on ${name}: not allowed, no source file imports it`]
  })
}

function readWorkspace(root) {
  const packages = ['packages', 'apps'].flatMap((parent) =>
    packageFolders(root, parent).map((folder) => readPackage(root, folder)),
  )
  const { devDependencies = {} } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return { root, packages, development: Object.keys(devDependencies) }
}

function readPackage(root, folder) {
  const text = readFileSync(join(root, folder, 'package.json'), 'utf8')
  const manifest = JSON.parse(text)
  const source = join(root, folder, 'src')
  const files = readdirSync(source, { recursive: true })
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => readSource(root, join(folder, 'src', path)))
  const names = (...kinds) => kinds.flatMap((kind) => Object.keys(manifest[kind] ?? {}))
  return {
    name: manifest.name,
    folder,
    text,
    files,
    /** The subpaths that others may import: "." and "./demo". */
    doors: Object.keys(manifest.exports ?? {}),
    runtime: names('dependencies', 'peerDependencies', 'optionalDependencies'),
    development: names('devDependencies'),
  }
}

function readSource(root, path) {
  const text = readFileSync(join(root, path), 'utf8')
  return { path, text, imports: importsOf(path, text), isTest: TEST_FILE.test(path) }
}

function packageFolders(root, parent) {
  const folders = readdirSync(join(root, parent)).map((name) => join(parent, name))
  return folders.filter((folder) => existsSync(join(root, folder, 'package.json'))).sort()
}

/** "@org/name/sub" is in "@org/name", "name/sub" in "name". */
const packageName = (specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier

const listed = (names) => (names.length === 0 ? 'nothing of this workspace' : names.join(', '))

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const violations = checkImports(resolve(dirname(process.argv[1]), '..'))
  for (const violation of violations) console.error(violation)
  process.exitCode = violations.length === 0 ? 0 : 1
}
