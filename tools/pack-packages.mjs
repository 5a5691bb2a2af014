/**
 * Packs the packages of this workspace as they would be published.
 *
 *   node tools/pack-packages.mjs FOLDER       writes a tarball for each; prints name, version, size
 *
 * The command comes a second time with the package of its name, so that `npx hfquant` finds it there. In the workspace
 * it stands above that package, because it imports it.
 */

import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Where packages that are published live. */
const PARENTS = ['packages', 'apps']

/** Never part of a package, and large. */
const LEFT_OUT = new Set(['node_modules', 'src', '.turbo'])

/** The package that the command is part of, and the one that gets a copy. */
const COMMAND = { owner: '@hfquant/cli', guest: 'hfquant' }

/** Folder and package.json of every package that is published. */
export function publishedPackages() {
  return PARENTS.flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(root, parent, name)))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) }))
    .filter(({ manifest }) => manifest.private !== true)
}

/**
 * Packs them into `out`; the packages have been built, with their types. `workspace:*` becomes the version, as pnpm
 * does it when it publishes, and the license of the repository comes with each.
 *
 * @returns a record for each: name, manifest, file (path of the tarball), files (paths inside), size (bytes, compressed)
 */
export function packPackages(out) {
  const packages = publishedPackages()
  const unbuilt = packages.flatMap(missingTargets)
  if (unbuilt.length > 0) {
    const missing = `not built: ${unbuilt.slice(0, 3).join(', ')}${unbuilt.length > 3 ? ', …' : ''}`
    throw new Error(`${missing}\nBuild everything with its types first: \`pnpm build\`.`)
  }
  const versions = new Map(packages.map(({ manifest }) => [manifest.name, manifest.version]))
  const staging = mkdtempSync(join(tmpdir(), 'hfquant-pack-'))
  try {
    const folders = packages.map((member, index) => stage(member, join(staging, String(index)), versions))
    const named = (name) => packages.findIndex(({ manifest }) => manifest.name === name)
    addCommand(folders[named(COMMAND.guest)], folders[named(COMMAND.owner)])
    mkdirSync(out, { recursive: true })
    const args = ['pack', ...folders, '--json', '--ignore-scripts', '--pack-destination', out]
    const output = execFileSync('npm', args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 2 ** 26,
      shell: isWindows,
    })
    return JSON.parse(output).map(({ name, filename, files, size }, index) => {
      const manifest = JSON.parse(readFileSync(join(folders[index], 'package.json'), 'utf8'))
      if (manifest.name !== name) throw new Error(`npm pack changed the order: ${name} for ${manifest.name}`)
      return { name, manifest, file: join(out, filename), files: files.map(({ path }) => path), size }
    })
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}

/** Files that package.json promises and that are not there, types above all: a build may have left them out. */
export function missingTargets({ folder, manifest: { name, exports = {}, bin = {} } }) {
  const doors = Object.values(exports).flatMap((door) =>
    typeof door === 'string' ? [door] : Object.values(door),
  )
  const targets = [...doors, ...Object.values(bin)]
  return targets.filter((path) => !existsSync(join(folder, path))).map((path) => `${name} ${path}`)
}

/** Both folders are staged. The command finds package.json and the library from there as it does in its own package. */
function addCommand(guest, owner) {
  const read = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const manifest = withCommand(read(guest), read(owner))
  for (const path of read(owner).files)
    cpSync(join(owner, path), join(guest, path), { recursive: true, force: false, errorOnExist: true })
  writeFileSync(join(guest, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
}

/** package.json of the package that gets the command. */
export function withCommand(manifest, { bin, files, dependencies }) {
  const { [manifest.name]: _, ...needed } = dependencies
  return {
    ...manifest,
    files: [...new Set([...manifest.files, ...files])],
    bin,
    dependencies: { ...manifest.dependencies, ...needed },
  }
}

function stage({ folder, manifest }, target, versions) {
  cpSync(folder, target, { recursive: true, filter: (path) => !LEFT_OUT.has(path.slice(folder.length + 1)) })
  if (!existsSync(join(target, 'LICENSE'))) cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'))
  const { devDependencies: _, ...published } = manifest
  for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies']) {
    if (published[kind] !== undefined) published[kind] = pinned(published[kind], versions, manifest.name)
  }
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`)
  return target
}

function pinned(dependencies, versions, owner) {
  return Object.fromEntries(
    Object.entries(dependencies).map(([name, range]) => {
      if (!range.startsWith('workspace:')) return [name, range]
      const version = versions.get(name)
      if (version === undefined) throw new Error(`${owner} depends on ${name}, which is not published`)
      const prefix = range.slice('workspace:'.length)
      return [name, prefix === '^' || prefix === '~' ? prefix + version : version]
    }),
  )
}

const isWindows = process.platform === 'win32'

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder] = process.argv.slice(2)
  if (folder === undefined) {
    console.error('usage: node tools/pack-packages.mjs FOLDER')
    process.exitCode = 2
  } else {
    try {
      for (const { name, manifest, size } of packPackages(resolve(folder))) {
        console.log(`${name}@${manifest.version}  ${(size / 1024).toFixed(0)} KiB`)
      }
    } catch (error) {
      console.error(error.message)
      process.exitCode = 1
    }
  }
}
