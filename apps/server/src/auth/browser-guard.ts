import type { IncomingHttpHeaders } from 'node:http'
import { ApiError } from '../http/api-error.js'

export interface BrowserGuardOptions {
  /** Hosts that the server is called by are checked only where nobody but this machine reaches it. */
  readonly isLoopback: boolean
  readonly allowHost: readonly string[]
  readonly allowOrigin: readonly string[]
}

const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]']

export const isLoopbackHost = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)

/** "localhost:8137" is the host "localhost", "[::1]:8137" is "[::1]". */
const hostName = (header: string): string => header.replace(/:\d{1,5}$/, '').toLowerCase()

/**
 * Refuses what a page of somebody else may send through the browser of whoever runs this server: under a name that was
 * rebound to this machine, or from an origin that was not allowed.
 *
 * @returns the headers that let a page of an allowed origin read the answer.
 * @throws ApiError host_not_allowed, origin_not_allowed
 */
export function guardAgainstBrowsers(
  headers: IncomingHttpHeaders,
  { isLoopback, allowHost, allowOrigin }: BrowserGuardOptions,
): Readonly<Record<string, string>> {
  const { host = '', origin } = headers
  if (isLoopback && ![...LOOPBACK_HOSTS, ...allowHost.map(hostName)].includes(hostName(host))) {
    throw new ApiError(
      'host_not_allowed',
      'this server is not called by that host name; add it with --allow-host if it is right',
    )
  }
  if (origin === undefined || origin === `http://${host}` || origin === `https://${host}`) return {}
  if (!allowOrigin.includes(origin)) {
    throw new ApiError(
      'origin_not_allowed',
      'pages of that origin may not use this server; add it with --allow-origin if it is right',
    )
  }
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'x-request-id, x-hfquant-ignored, x-hfquant-prefix, retry-after',
    vary: 'origin',
  }
}

/** What the browser of an allowed origin asks for before it sends a request. */
export const preflightHeaders = (): Readonly<Record<string, string>> => ({
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers':
    'authorization, content-type, x-api-key, x-request-id, x-hfquant-affinity, anthropic-version',
  'access-control-max-age': '600',
})
