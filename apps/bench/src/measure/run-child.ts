import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/**
 * Measures in a process of its own.
 *
 * @param command of this program, which prints figures as one line of JSON.
 * @param cache where hfquant keeps what it compiles.
 */
export async function measureInChild<Request extends object, Figures>(
  command: string,
  request: Request,
  cache: string,
): Promise<Figures> {
  const stdout = await runMain([command, JSON.stringify(request)], { HFQUANT_CACHE: cache })
  // A library may print as well; the figures are the last line.
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Figures
}

/** Runs another command of this program and returns what it printed. */
export async function runMain(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const env = { ...process.env, ...environment }
  const { stdout } = await promisify(execFile)(process.execPath, [process.argv[1]!, ...args], {
    env,
    maxBuffer: 2 ** 24,
  })
  return stdout
}
