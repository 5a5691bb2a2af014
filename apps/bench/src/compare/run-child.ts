import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Measurement, MeasureRequest } from './measure-model.js'

/** Measures in a process of its own; `cacheFolder` is where hfquant keeps what it compiles. */
export async function measureInChild(request: MeasureRequest, cacheFolder: string): Promise<Measurement> {
  const stdout = await runMain(['compare-once', JSON.stringify(request)], { HFQUANT_CACHE: cacheFolder })
  // A library may print as well; the figures are the last line.
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Measurement
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
