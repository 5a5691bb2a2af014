import type { LightMyRequestResponse } from 'fastify'
import { demoModel } from 'hfquant/demo'
import { createServer, type Server, type ServerOptions } from '../server.js'
import { type StubScript, type StubWatch, stubModel } from './stub-model.fixture.js'

export interface StubServer extends AsyncDisposable {
  readonly server: Server
  readonly watch: StubWatch
  /** Lines of the log, as objects. */
  readonly log: Record<string, unknown>[]
  post(url: string, body: unknown, headers?: Record<string, string>): Promise<LightMyRequestResponse>
  get(url: string, headers?: Record<string, string>): Promise<LightMyRequestResponse>
}

/** A server around a model without weights, that asks for no key. */
export async function stubServer(
  script: StubScript = {},
  options: Partial<ServerOptions> = {},
  environment: Record<string, string> = {},
): Promise<StubServer> {
  const { load, watch } = stubModel(script)
  const log: Record<string, unknown>[] = []
  const logStream = { write: (line: string) => void log.push(JSON.parse(line)) }
  const server = await createServer(
    { models: { stub: { path: demoModel } }, auth: options.apiKeys !== undefined, ...options },
    { load, logStream, environment },
  )
  await server.loaded()
  return {
    ...{ server, watch, log },
    post: (url, body, headers = {}) =>
      server.inject({
        ...{ method: 'POST', url },
        headers: { 'content-type': 'application/json', ...headers },
        payload: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (url, headers = {}) => server.inject({ method: 'GET', url, headers }),
    [Symbol.asyncDispose]: async () => void (await server.close({ drainTimeout: 0 })),
  }
}

/** The data of the frames of a stream; comments are left out. */
export const framesOf = (body: string): unknown[] =>
  body
    .split('\n\n')
    .filter((frame) => frame.startsWith('data: '))
    .map((frame) => frame.slice('data: '.length))
    .map((data) => (data === '[DONE]' ? data : JSON.parse(data)))

export const question = (more: object = {}) => ({
  model: 'stub',
  messages: [{ role: 'user', content: 'Hello' }],
  ...more,
})
