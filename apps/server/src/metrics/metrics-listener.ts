import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Metrics } from './metrics.js'

/** A listener for metrics alone, which asks for no key: for a network that only monitoring reaches. */
export interface MetricsListener {
  close(): Promise<void>
}

/**
 * @param address HOST:PORT
 * @throws the system's error for an address that cannot be had.
 */
export async function listenForMetrics(address: string, metrics: Metrics): Promise<MetricsListener> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      () => response.destroy(),
    )
  })
  const at = address.lastIndexOf(':')
  const host = address.slice(0, at).replace(/^\[|\]$/g, '')
  server.listen({ host, port: Number(address.slice(at + 1)) })
  await once(server, 'listening')
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
