/**
 * Packs every package as it would be published, and looks at the result: what is inside, whether its doors lead
 * somewhere, whether types are found, how large it is, and whether the changesets speak of packages that exist.
 *
 *   node tools/check-packages.mjs          after a build; prints one line per problem, exits with 1 if there is one
 */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packPackages } from './pack-packages.mjs'
import { typeErrors } from './type-errors.mjs'

/** Most KiB of a tarball; the exceptions say why they are larger. */
const DEFAULT_BUDGET = 160
const BUDGETS = {
  // The demo models: 3.4 million parameters in bfloat16, and what finds entities.
  hfquant: 9600,
  // Loading, casting and saving, what every method shares (products of blocks, of integers and of small floats, made in threads), and
  // what keeps hostile folders, patterns and names in bounds; a third are source maps, and its two doors have types each.
  '@hfquant/core': 300,
  // Graphs, compiled models, and the session with its scheduler and samplers.
  '@hfquant/onnx': 175,
  // Every family of decoders and encoders, and how it is read from GGUF files.
  '@hfquant/models': 195,
  // All routes of four APIs, with what they refuse.
  '@hfquant/server': 180,
  // The engines of tokenizers and of chat templates, with Python's tables of Unicode and of values; decoders and encoders; GGUF
  // files, read and written.
  '@hfquant/transformers': 540,
}

/** What a package holds besides the files that its package.json names. */
const ALWAYS = /^(package\.json|README\.md|LICENSE)$/
/** What nobody who installs a package wants. */
const NEVER = /(^|\/)(src|node_modules|goldens|testing)\/|\.(test|fixture)\.|(^|\/)tsconfig|\.tsbuildinfo$/

/** Templates are copied, sources and tests included. */
const TEMPLATES = /^template\//

/** Every problem of the packages below `root`. */
export function checkPackages(root) {
  const folder = mkdtempSync(join(tmpdir(), 'hfquant-packages-'))
  try {
    const tarballs = packPackages(join(folder, 'tarballs'))
    return [
      ...tarballs.flatMap(checkTarball),
      ...checkTypes(tarballs, folder),
      ...checkChangesets(join(root, '.changeset'), new Set(tarballs.map(({ name }) => name))),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What is wrong with one tarball: { name, manifest, files, size }. */
export function checkTarball({ name, manifest, files, size }) {
  const problems = []
  const inside = new Set(files)
  for (const file of ['README.md', 'LICENSE']) if (!inside.has(file)) problems.push(`has no ${file}`)
  for (const field of ['version', 'description', 'license', 'engines', 'files']) {
    if (manifest[field] === undefined) problems.push(`package.json has no "${field}"`)
  }
  const named = (manifest.files ?? []).map((entry) => entry.replace(/^\.\//, ''))
  for (const file of files) {
    const isNamed = named.some((entry) => file === entry || file.startsWith(`${entry}/`))
    if (!isNamed && !ALWAYS.test(file)) problems.push(`holds ${file}, which "files" does not name`)
    if (NEVER.test(file) && !TEMPLATES.test(file))
      problems.push(`holds ${file}, which is of no use to who installs it`)
  }
  for (const [door, target] of targetsOf(manifest)) {
    if (!inside.has(target.replace(/^\.\//, '')))
      problems.push(`${door} leads to ${target}, which is not inside`)
  }
  const budget = BUDGETS[name] ?? DEFAULT_BUDGET
  const kib = Math.ceil(size / 1024)
  if (kib > budget)
    problems.push(`has ${kib} KiB, more than its budget of ${budget}; see tools/check-packages.mjs`)
  return problems.map((problem) => `${name} ${problem}`)
}

/** Every file that package.json promises: [door, path]. */
function targetsOf({ exports = {}, bin = {} }) {
  const doors = Object.entries(exports).flatMap(([door, target]) => {
    const targets = typeof target === 'string' ? [target] : Object.values(target)
    return targets.map((path) => [`exports["${door}"]`, path])
  })
  return [...doors, ...Object.entries(bin).map(([command, path]) => [`bin "${command}"`, path])]
}

/** The ways in which applications find types. */
const RESOLUTIONS = {
  node16: { module: 'node16', moduleResolution: 'node16' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
}

/** Imports every typed door of the unpacked tarballs from an ES module outside of the repository. */
function checkTypes(tarballs, folder) {
  for (const tarball of tarballs) unpack(tarball, join(folder, 'node_modules', tarball.name))
  const doors = tarballs.flatMap(({ name, manifest }) =>
    Object.entries(manifest.exports ?? {})
      .filter(([, target]) => target.types !== undefined)
      .map(([door]) => name + door.slice(1)),
  )
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const lines = doors.flatMap((door, i) => [`import * as door${i} from '${door}'`, `export { door${i} }`])
  writeFileSync(join(folder, 'consumer.ts'), lines.join('\n'))
  return Object.entries(RESOLUTIONS).flatMap(([resolution, options]) => {
    const shared = { target: 'es2022', strict: true, noEmit: true, skipLibCheck: true, types: [] }
    const config = { compilerOptions: { ...shared, ...options }, files: ['consumer.ts'] }
    return typeErrors(folder, config).map((line) => `${resolution}: ${line}`)
  })
}

function unpack({ file }, target) {
  mkdirSync(dirname(target), { recursive: true })
  const unpacked = mkdtempSync(join(dirname(target), 'unpacking-'))
  execFileSync('tar', ['-xzf', file, '-C', unpacked])
  renameSync(join(unpacked, 'package'), target)
  rmSync(unpacked, { recursive: true })
}

/** Changesets that name a package that does not exist would stop a release. */
export function checkChangesets(folder, names) {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.md') && file !== 'README.md')
    .flatMap((file) => {
      const [, header] = /^---\n(.*?)\n---\n/s.exec(readFileSync(join(folder, file), 'utf8')) ?? []
      if (header === undefined) return [`.changeset/${file} does not begin with the packages it is about`]
      return header
        .split('\n')
        .filter(Boolean)
        .flatMap((line) => {
          const [, name, step] = /^["']?([^"']+)["']?: (major|minor|patch)$/.exec(line) ?? []
          if (step === undefined)
            return [`.changeset/${file} says "${line}", expected "package": major, minor or patch`]
          return names.has(name) ? [] : [`.changeset/${file} names ${name}, which is not published`]
        })
    })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = checkPackages(resolve(dirname(process.argv[1]), '..'))
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}
