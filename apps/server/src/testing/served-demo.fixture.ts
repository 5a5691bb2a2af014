import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The built command, as npm installs it. */
const COMMAND = fileURLToPath(new URL('../../../cli/bin/hfquant.js', import.meta.url))

/** `hfquant serve` as a process of its own. */
export interface ServedProcess extends AsyncDisposable {
  readonly url: string
  readonly child: ChildProcess
  /** What it wrote to standard error until now. */
  log(): string
  /** Its exit status, once it has ended. */
  readonly ended: Promise<number | null>
}

/** Starts the command, and waits until it says that it is ready. */
export async function serve(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<ServedProcess> {
  const child = spawn(process.execPath, [COMMAND, 'serve', ...args, '--port', '0', '--json'], {
    env: { ...process.env, HF_HUB_OFFLINE: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  child.stderr.on('data', (data) => {
    log += data
  })
  const ended = once(child, 'exit').then(([status]) => status as number | null)
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    if (line === '}') break
  }
  if (lines.length === 0) throw new Error(`the server did not start: ${log}`)
  const { url } = JSON.parse(lines.join('\n')) as { url: string }
  return {
    ...{ url, child, ended },
    log: () => log,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
