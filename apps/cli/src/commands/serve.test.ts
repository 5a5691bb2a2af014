import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SERVER_OPTIONS } from '@hfquant/server/options'
import { demoModel } from 'hfquant/demo'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createProgram } from '../program.js'

/** Made keys are kept in the cache folder. */
const folder = mkdtempSync(join(tmpdir(), 'hfquant-cli-'))
beforeAll(() => void vi.stubEnv('HFQUANT_CACHE', folder))
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  server.close()
  return String(port)
}

/** What a start of the server says until it listens; it is ended then. */
async function start(port: string): Promise<readonly string[]> {
  const stop = new AbortController()
  const lines: string[] = []
  const terminal = {
    ...{ progress() {}, clear() {} },
    line(text: string) {
      lines.push(text)
      if (text.startsWith('listening')) stop.abort()
    },
  }
  const program = createProgram({
    recipes: [],
    calibratedRecipes: [],
    conversions: [],
    serverOptions: SERVER_OPTIONS,
    terminal,
    signal: stop.signal,
  })
  const options = ['--load', 'lazy', '--shutdown-delay', '0', '--log-level', 'silent', '--port', port]
  await program.parseAsync(['serve', demoModel, ...options], { from: 'user' })
  return lines
}

it('a key that the server makes is shown by the first start alone: every start writes a log', async () => {
  const port = await freePort()
  const first = await start(port)
  expect(first).toContainEqual(expect.stringMatching(/^key: [0-9a-f]{64}$/))
  const second = await start(port)
  expect(second.join('\n')).toMatch(/^key: as before, kept in .*server-keys/m)
  expect(second.join('\n')).not.toMatch(/[0-9a-f]{64}/)
})
