import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { question, type StubServer, stubServer } from '../testing/test-server.fixture.js'

const CHAT = '/v1/chat/completions'

/** A request as bytes. */
function rawRequest(body: object, headers: readonly string[] = []): string {
  const json = JSON.stringify(body)
  return [
    ...[`POST ${CHAT} HTTP/1.1`, 'host: localhost', 'content-type: application/json'],
    ...[`content-length: ${Buffer.byteLength(json)}`, ...headers, '', json],
  ].join('\r\n')
}

async function open({ server }: StubServer): Promise<Socket> {
  const { port } = await server.listen({ port: 0 })
  return join(port)
}

async function join(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** All that a server sends until it closes the connection. */
async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (data) => {
    text += data
  })
  if (!socket.closed) await once(socket, 'close')
  return text
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 500) throw new Error('it did not happen within five seconds')
    await sleep(10)
  }
}

describe('a client that leaves', () => {
  it.each([
    ['a stream', true],
    ['an answer in one piece', false],
  ])('frees its place while %s is generated', async (_, stream) => {
    await using stub = await stubServer({ delay: 5 })
    const socket = await open(stub)
    socket.write(rawRequest(question({ stream, max_tokens: 4000, n: 4 })))
    await until(() => stub.watch.running === 4)
    socket.destroy()
    await until(() => stub.watch.running === 0)
    await until(() => stub.log.some(({ finish }) => finish === 'abort'))
    expect((await stub.get('/metrics')).body).toMatch(/request_success_total\{.*finished_reason="abort"\} 1/)
  })

  it('frees its place in the queue, and with half a connection', async () => {
    await using stub = await stubServer({ delay: 5 }, { maxSequences: 1 })
    const running = await open(stub)
    const { port } = running.address() as { port: number }
    expect(port).toBeGreaterThan(0)
    running.write(rawRequest(question({ stream: true, max_tokens: 4000 })))
    await until(() => stub.watch.running === 1)
    const waiting = await join(running.remotePort!)
    waiting.write(rawRequest(question()))
    const metric = async (name: string) =>
      new RegExp(`hfquant_${name}\\{[^}]*\\} (\\d+)`).exec((await stub.get('/metrics')).body)?.[1]
    await until(() => true)
    for (let tries = 0; (await metric('num_requests_waiting')) !== '1' && tries < 100; tries++)
      await sleep(10)
    expect(await metric('num_requests_waiting')).toBe('1')
    waiting.end()
    for (let tries = 0; (await metric('num_requests_waiting')) !== '0' && tries < 100; tries++)
      await sleep(10)
    expect(await metric('num_requests_waiting')).toBe('0')
    running.destroy()
    await until(() => stub.watch.running === 0)
  })
})

describe('a client that reads nothing', () => {
  it('is waited for, while others go on', async () => {
    // Two megabytes of text, which no buffer of a socket holds.
    await using stub = await stubServer({ pieces: Array(2000).fill('x'.repeat(4000)) })
    const slow = await open(stub)
    slow.pause()
    slow.write(rawRequest(question({ stream: true, max_tokens: 2000 })))
    await until(() => stub.watch.running === 1)
    await sleep(100)
    const other = await stub.post(CHAT, question({ max_tokens: 10 }))
    expect(other.statusCode).toBe(200)
    expect(stub.watch.running).toBe(1)
    const reading = readAll(slow)
    slow.resume()
    await until(() => stub.watch.running === 0)
    slow.end()
    expect(await reading).toContain('[DONE]')
  })
})

describe('what is no request', () => {
  it.each([
    ['a line of nonsense', 'NONSENSE\r\n\r\n', 400, 'invalid_value'],
    ['headers without end', `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
  ])('%s is answered in the form of the API', async (_, bytes, status, code) => {
    await using stub = await stubServer()
    const socket = await open(stub)
    const reading = readAll(socket)
    socket.write(bytes)
    const answer = await reading
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ error: { code } })
  })
})

describe('the end of a server', () => {
  it('lets running answers end, and refuses those that wait and those that come', async () => {
    await using stub = await stubServer({ delay: 5 }, { maxSequences: 1 })
    const socket = await open(stub)
    const port = socket.remotePort!
    const running = readAll(socket)
    socket.write(rawRequest(question({ stream: true, max_tokens: 40 }), ['connection: close']))
    await until(() => stub.watch.running === 1)
    const waiting = await join(port)
    const waited = readAll(waiting)
    waiting.write(rawRequest(question()))
    await sleep(50)
    const closing = stub.server.close({ shutdownDelay: 0.05, drainTimeout: 10 })
    expect((await stub.get('/ready')).json()).toEqual({ status: 'draining' })
    expect(await waited).toMatch(/^HTTP\/1.1 503 .*shutting_down/s)
    expect(await running).toContain('[DONE]')
    expect(await closing).toBe(false)
    await expect(join(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('refuses a request that is complete only when it has begun', async () => {
    await using stub = await stubServer({ delay: 5 })
    const socket = await open(stub)
    const running = readAll(socket)
    socket.write(rawRequest(question({ stream: true, max_tokens: 60 }), ['connection: close']))
    await until(() => stub.watch.running === 1)
    const late = await join(socket.remotePort!)
    const answer = readAll(late)
    const bytes = rawRequest(question())
    late.write(bytes.slice(0, -10))
    await sleep(20)
    const closing = stub.server.close({ drainTimeout: 10 })
    await sleep(20)
    late.write(bytes.slice(-10))
    expect(await answer).toMatch(/^HTTP\/1.1 503 .*retry-after: 1\r\n.*"code":"shutting_down"/s)
    expect(await running).toContain('[DONE]')
    expect(await closing).toBe(false)
    expect(stub.watch.options).toHaveLength(1)
  })

  it('cuts what takes too long with an error, and says so', async () => {
    await using stub = await stubServer({ delay: 5 })
    const socket = await open(stub)
    const running = readAll(socket)
    socket.write(rawRequest(question({ stream: true, max_tokens: 4000 })))
    await until(() => stub.watch.running === 1)
    expect(await stub.server.close({ drainTimeout: 0.05 })).toBe(true)
    const text = await running
    expect(text).toContain('"code":"shutting_down"')
    expect(text).not.toContain('[DONE]')
  })
})

describe('the time of an answer', () => {
  it('is bounded, with a status or with a frame', async () => {
    await using stub = await stubServer({ delay: 5 }, { requestTimeout: 0.1 })
    const [whole, streamed] = await Promise.all([
      stub.post(CHAT, question({ max_tokens: 4000 })),
      stub.post(CHAT, question({ max_tokens: 4000, stream: true })),
    ])
    expect([whole.statusCode, whole.json().error.code]).toEqual([504, 'request_timeout'])
    expect(whole.headers['x-should-retry']).toBe('false')
    expect(streamed.body).toContain('"code":"request_timeout"')
    expect(streamed.body).not.toContain('[DONE]')
  })
})
