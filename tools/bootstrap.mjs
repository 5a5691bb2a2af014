/**
 * From a fresh clone to a result with nothing but Node and npm:
 *
 *   node tools/bootstrap.mjs demo     install, build, run the demo
 *   node tools/bootstrap.mjs test     install, build, every check, every test; the last line counts the tests
 *
 * Each stage prints one line; a stage that fails prints everything that it said.
 */

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const environment = cleanEnvironment(process.env)

const INSTALL = ['install', ['pnpm', 'install', '--frozen-lockfile', '--prod=false']]
const TURBO_FLAGS = ['--output-logs=errors-only', `--concurrency=${availableParallelism()}`]
const BUILD = ['build', ['turbo', 'run', 'build', ...TURBO_FLAGS]]
const CHECKS = [
  ['types', ['node', 'tools/emit-types.mjs']],
  ['lint', ['biome', 'check', '--error-on-warnings', '.']],
  ['imports', ['node', 'tools/check-imports.mjs']],
  ['unused code', ['knip']],
  ['packages', ['node', 'tools/check-packages.mjs']],
]

const tasks = { demo, test }
const task = tasks[process.argv[2]]
if (!task) {
  console.error(`usage: node tools/bootstrap.mjs ${Object.keys(tasks).join(' | ')}`)
  process.exitCode = 2
} else {
  process.exitCode = await task()
}

async function demo() {
  if (!(await prepare())) return 1
  return (await run(['node', 'tools/demo.mjs', ...process.argv.slice(3)], 'inherit')).status
}

async function test() {
  if (!(await prepare())) {
    console.log('0 passed, 0 failed')
    return 1
  }
  // Later checks say something even if an earlier one failed.
  let allPassed = true
  for (const check of CHECKS) allPassed = (await stage(...check)) && allPassed
  const { isGreen, passed, failed } = await runTests()
  console.log(`${passed} passed, ${failed} failed`)
  return allPassed && isGreen ? 0 : 1
}

/** Puts pnpm where turbo finds it too, then installs and builds. */
async function prepare() {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const wanted = packageManager.split('+')[0]
  if (!(await stage(wanted, () => provide(wanted)))) return false
  environment.PATH = [join(root, 'node_modules', '.bin'), environment.PATH].join(delimiter)
  return (await stage(...INSTALL)) && (await stage(...BUILD))
}

/** An installed pnpm of the right version is used; otherwise npx fetches one into the cache of npm. */
async function provide(wanted) {
  const present = await run(['pnpm', '--version'])
  if (present.status === 0 && `pnpm@${present.output.trim().split('\n').at(-1)}` === wanted) return present
  const MARK = 'PATH with pnpm: '
  const script = `console.log(${JSON.stringify(MARK)} + process.env.PATH)`
  const fetched = await run(['npx', '--yes', `--package=${wanted}`, '--', 'node', '--eval', script])
  const path = fetched.output.split('\n').find((line) => line.startsWith(MARK))
  if (path) environment.PATH = path.slice(MARK.length).trimEnd()
  return fetched
}

async function runTests() {
  const folder = mkdtempSync(join(tmpdir(), 'hfquant-tests-'))
  const report = join(folder, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const isGreen = await stage('tests', ['vitest', 'run', ...reporters])
  try {
    return { isGreen, ...count(JSON.parse(readFileSync(report, 'utf8'))) }
  } catch (error) {
    console.log(`there is no test report: ${error.message}`)
    return { isGreen: false, passed: 0, failed: 0 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A file that could not be loaded has no tests to count; it counts as one that failed. */
function count({ numPassedTests, numFailedTests, testResults }) {
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  )
  return { passed: numPassedTests, failed: numFailedTests + broken.length }
}

/** Runs one command, or a function with the same result, and prints a line; true if it succeeded. */
async function stage(name, work) {
  process.stdout.write(`${name.padEnd(14)}`)
  const start = performance.now()
  const { status, output } = await (typeof work === 'function' ? work() : run(work))
  const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(6)
  console.log(`${seconds} s${status === 0 ? '' : '   failed'}`)
  if (status !== 0) console.log(`\n${output.trimEnd()}\n`)
  return status === 0
}

function run([command, ...args], stdio = ['ignore', 'pipe', 'pipe']) {
  return new Promise((resolve) => {
    // Windows starts npx and the tools through .cmd files, which need a shell.
    const shell = process.platform === 'win32' && command !== 'node'
    const program = command === 'node' ? process.execPath : command
    const child = spawn(program, args, { cwd: root, env: environment, stdio, shell })
    const output = []
    child.stdout?.on('data', (bytes) => output.push(bytes))
    child.stderr?.on('data', (bytes) => output.push(bytes))
    child.on('error', (error) => resolve({ status: 127, output: `${command}: ${error.message}` }))
    child.on('close', (status, signal) => {
      const text = Buffer.concat(output).toString()
      resolve({ status: status ?? 1, output: signal ? `${text}\n${command} was ended by ${signal}` : text })
    })
  })
}

/**
 * npm describes itself to its scripts in npm_* variables: its own folders, flags such as --silent, the running script.
 * The nested npx and pnpm would take them as settings of theirs. How to reach the registry is kept.
 */
function cleanEnvironment(variables) {
  const reachesRegistry =
    /^npm_config_(\/\/.*|@.*|registry|(https?_|no)?_?proxy|cafile|ca|cert|key|strict_ssl|userconfig|globalconfig|cache|fetch_\w+)$/i
  const kept = Object.entries(variables).filter(
    ([name]) => !/^npm_/i.test(name) || reachesRegistry.test(name),
  )
  // On Windows the variable may be spelled Path.
  const path = Object.entries(variables).find(([name]) => name.toUpperCase() === 'PATH')?.[1]
  return {
    ...Object.fromEntries(kept.filter(([name]) => name.toUpperCase() !== 'PATH')),
    PATH: path,
    // Without a terminal, pnpm asks nothing only if it knows that nobody would answer.
    CI: 'true',
    COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
    DO_NOT_TRACK: '1',
    TURBO_TELEMETRY_DISABLED: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
  }
}
