import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The built command, as npm installs it. */
const COMMAND = fileURLToPath(new URL('../../bin/hfquant.js', import.meta.url))

/** A folder of the reference data. */
export const golden = (path: string): string =>
  fileURLToPath(new URL(`../../../../goldens/${path}`, import.meta.url))

export interface CliResult {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command to its end. */
export const runCli = (args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> =>
  startCli(args, env).ended

/** Starts the command; `ended` resolves when it has ended, however it did. */
export function startCli(
  args: readonly string[],
  env: Record<string, string> = {},
): { readonly child: ChildProcess; readonly ended: Promise<CliResult> } {
  return start(process.execPath, [COMMAND, ...args], env)
}

/** Runs a shell script in which "$@" is the command. */
export const runShell = (script: string, args: readonly string[]): Promise<CliResult> =>
  startShell(script, args).ended

/** Starts such a script; one that ends with `exec "$@"` becomes the command. */
export const startShell = (script: string, args: readonly string[]) =>
  start('bash', ['-c', script, 'bash', process.execPath, COMMAND, ...args], {})

function start(program: string, args: readonly string[], env: Record<string, string>) {
  // No test reaches the hub.
  const environment = { ...process.env, HF_HUB_OFFLINE: '1', ...env }
  const child = spawn(program, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }))
  })
  return { child, ended }
}
