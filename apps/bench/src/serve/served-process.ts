import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { repositoryPath } from '../repository.js'

/** A server as a process of its own; it is ended where its scope is left, however that happens. */
export interface ServedProcess extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  /** Milliseconds from its start until it said that it was ready. */
  readonly readyAfter: number
  /** Asks it to end, as a platform does; its exit status. */
  stop(): Promise<number | null>
  /** The end of what it wrote to standard error. */
  log(): string
}

/** What is the same for all servers that are measured. */
const COMMON = ['--port', '0', '--json', '--log-level', 'error', '--shutdown-delay', '0']

/** `hfquant serve`, as it is installed; on a free port of this machine, for everybody on it unless there is a key. */
export const serveHfquant = (args: readonly string[], apiKey?: string): Promise<ServedProcess> =>
  startServer(
    [
      ...[repositoryPath('apps/cli/bin/hfquant.js'), 'serve', ...args, ...COMMON],
      ...(apiKey === undefined ? ['--no-auth'] : []),
    ],
    apiKey === undefined ? {} : { HFQUANT_API_KEY: apiKey },
  )

/**
 * Starts a program that prints `{"url"}` as JSON over several lines once it is ready.
 *
 * @throws Error with what it wrote to standard error, when it ends before.
 */
export async function startServer(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ServedProcess> {
  const since = performance.now()
  const child = spawn(process.execPath, args, {
    env: { ...process.env, HF_HUB_OFFLINE: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  child.stderr.on('data', (data) => {
    log = (log + data).slice(-10_000)
  })
  const ended = once(child, 'exit').then(([status]) => status as number | null)
  const url = await readUrl(child)
  if (url === undefined) throw new Error(`the server did not start: ${log}`)
  const readyAfter = performance.now() - since
  const stop = () => {
    child.kill('SIGTERM')
    return ended
  }
  return {
    ...{ url, pid: child.pid!, readyAfter, stop },
    log: () => log,
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

async function readUrl({ stdout }: ChildProcess): Promise<string | undefined> {
  let text = ''
  for await (const line of createInterface(stdout!)) {
    text += line
    if (line === '}') return (JSON.parse(text) as { readonly url: string }).url
  }
  return undefined
}
