/**
 * What a third party does with published packages: a folder outside of this repository, an install from tarballs, a
 * build, types, tests.
 */

import { spawn } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, join, relative, resolve, sep } from 'node:path'
import { importsOf } from './imports-of.mjs'

/** Never copied: made again where the package is tried. */
const MADE = new Set(['node_modules', 'dist'])

/** Copies a package to where nothing of this repository is above it. */
export function copyPackage(folder, parent) {
  const target = join(parent, basename(folder))
  cpSync(folder, target, { recursive: true, filter: (path) => !MADE.has(basename(path)) })
  return target
}

/**
 * Installs the packages below `folder` as an application with several parts would: their dependencies from `tarballs` where
 * one of them is meant, everything else from the registry. No install script runs.
 */
export async function installFrom(folder, members, tarballs) {
  const workspaces = members.map((member) => relative(folder, member).replaceAll(sep, '/'))
  writeFileSync(
    join(folder, 'package.json'),
    `${JSON.stringify({ private: true, type: 'module', workspaces })}\n`,
  )
  const files = neededTarballs(members, tarballs).map(({ file }) => file)
  const quiet = [
    '--no-save',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--loglevel=error',
  ]
  await command(folder, 'npm', ['install', ...quiet, ...files])
}

/** Tarballs that the packages depend on, directly or through another one. */
function neededTarballs(members, tarballs) {
  const byName = new Map(tarballs.map((tarball) => [tarball.name, tarball]))
  const found = new Set()
  const visit = (manifest, kinds) => {
    for (const name of kinds.flatMap((kind) => Object.keys(manifest[kind] ?? {}))) {
      const tarball = byName.get(name)
      if (tarball === undefined || found.has(tarball)) continue
      found.add(tarball)
      visit(tarball.manifest, ['dependencies', 'peerDependencies'])
    }
  }
  for (const member of members)
    visit(readManifest(member), ['dependencies', 'devDependencies', 'peerDependencies'])
  return [...found]
}

/**
 * What ties a package to this repository: a dependency that is not a range of versions, a configuration or an import
 * that leaves its folder, an import that its package.json does not state.
 */
export function tiesTo(folder) {
  const manifest = readManifest(folder)
  const kinds = ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies']
  const dependencies = kinds.flatMap((kind) => Object.entries(manifest[kind] ?? {}))
  const known = new Set([manifest.name, ...dependencies.map(([name]) => name)])
  const ties = dependencies.flatMap(([name, range]) =>
    /^[\^~]?\d/.test(range) ? [] : [`package.json depends on ${name} as "${range}", not as a version`],
  )
  for (const path of filesBelow(folder)) {
    const text = readFileSync(join(folder, path), 'utf8')
    for (const specifier of specifiersOf(path, text)) {
      const problem = problemOf(specifier, join(folder, path), folder, known)
      if (problem !== undefined) ties.push(`${path} imports ${specifier}: ${problem}`)
    }
  }
  return ties
}

const filesBelow = (folder) =>
  readdirSync(folder, { recursive: true })
    .filter((path) => /\.([cm]?[jt]s|json)$/.test(path) && !path.split(sep).some((part) => MADE.has(part)))
    .filter((path) => !path.startsWith(`goldens${sep}`))
    .sort()

function specifiersOf(path, text) {
  if (path.endsWith('.json')) return [JSON.parse(text).extends ?? []].flat()
  const imports = importsOf(path, text).map(({ specifier }) => specifier)
  const urls = [...text.matchAll(/new URL\(\s*['"`]([^'"`]+)/g)].map(([, url]) => url)
  return [...imports, ...urls.filter((url) => url.startsWith('.'))]
}

function problemOf(specifier, file, folder, known) {
  if (isBuiltin(specifier)) return undefined
  if (specifier.startsWith('.')) {
    const target = resolve(file, '..', specifier)
    return `${target}${sep}`.startsWith(`${folder}${sep}`) ? undefined : 'it is outside of the package'
  }
  const name = /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0]
  return known.has(name) ? undefined : 'package.json does not depend on it'
}

const readManifest = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

/** Runs a script of a package; those that it does not have are an error. */
export const runScript = (folder, script) => command(folder, 'npm', ['run', '--silent', script])

/**
 * Runs a command and returns what it says.
 *
 * @throws Error with everything that it said, if it fails.
 */
export function command(folder, program, args) {
  return new Promise((fulfil, reject) => {
    // Windows starts npm and npx through .cmd files, which need a shell.
    const child = spawn(program, args, {
      cwd: folder,
      shell: process.platform === 'win32',
      env: plainEnvironment(),
    })
    const output = []
    child.stdout.on('data', (bytes) => output.push(bytes))
    child.stderr.on('data', (bytes) => output.push(bytes))
    child.on('error', reject)
    child.on('close', (status) => {
      const text = Buffer.concat(output).toString()
      if (status === 0) fulfil(text)
      else reject(new Error(`${program} ${args.slice(0, 3).join(' ')} in ${folder} failed:\n${text}`))
    })
  })
}

/** Without what a test runner and a package manager tell their children: the tests of a package begin from nothing. */
const plainEnvironment = () =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(VITEST|TEST|NODE_ENV|DEV|PROD|MODE|SSR|BASE_URL|HFQUANT_CACHE|INIT_CWD)/.test(name) &&
        !/^npm_(lifecycle|package|execpath|node)/.test(name),
    ),
  )

/** True when `folder` is inside of a package manager's workspace, as pnpm-workspace.yaml describes it. */
export function isWorkspaceMember(root, folder) {
  const path = relative(root, folder).split(sep)
  const patterns = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8').matchAll(
    /^ {2}- (['"]?)([\w*/-]+)\1$/gm,
  )
  return (
    existsSync(join(folder, 'package.json')) &&
    [...patterns].some(([, , pattern]) => {
      const parts = pattern.split('/')
      return parts.length === path.length && parts.every((part, i) => part === '*' || part === path[i])
    })
  )
}
