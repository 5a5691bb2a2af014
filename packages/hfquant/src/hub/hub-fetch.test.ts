import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { hubFetch } from './hub-fetch.js'

/** A `fetch` for a hub that answers so. */
async function fetchFrom(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const settings = { endpoint, token: undefined, cacheFolder: '', offline: false, silence: 30 }
  const fetch = hubFetch(settings, { model: 'org/name', revision: 'main', signal: undefined })
  return () => fetch(endpoint)
}

/** An answer without end; `closed` is called when its connection is. */
function endless(status: number) {
  const closed = vi.fn()
  const answer: RequestListener = (_, response) => {
    response.on('close', closed)
    response.writeHead(status, { 'retry-after': '3600' })
    response.write('x'.repeat(1000))
  }
  return { answer, closed }
}

it('a refusal is not read to its end, and its connection is closed', async () => {
  const { answer, closed } = endless(503)
  const request = await fetchFrom(answer)
  await expect(request()).rejects.toMatchObject({ code: 'HUB_UNAVAILABLE', found: 503 })
  await vi.waitFor(() => expect(closed).toHaveBeenCalled())
})

it.each([0, 1])('a body is left after %i pieces, with its connection', async (pieces) => {
  const { answer, closed } = endless(200)
  const request = await fetchFrom(answer)
  const reader = (await request()).body!.getReader()
  for (let piece = 0; piece < pieces; piece++) await reader.read()
  await reader.cancel()
  await vi.waitFor(() => expect(closed).toHaveBeenCalled())
})
