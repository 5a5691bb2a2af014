import { type FastifyInstance, type FastifyRequest, fastify, LogController } from 'fastify'
import type { ApiKey } from './auth/api-keys.js'
import { guardAgainstBrowsers, isLoopbackHost, preflightHeaders } from './auth/browser-guard.js'
import type { ServerContext } from './context.js'
import { ApiError } from './http/api-error.js'
import { refuseConnection } from './http/client-error.js'
import { acceptJsonOnly } from './http/parse-json.js'
import { toApiError } from './http/to-api-error.js'
import type { loggerOptions } from './log/logger-options.js'
import { describeRecord, newRecord, type RequestRecord, requestId } from './log/request-record.js'
import { isMessagesPath, messagesError } from './messages/messages-error.js'
import { isOllamaPath, ollamaNotOffered } from './ollama/ollama-paths.js'
import { isGlinerPath } from './routes/entities.js'
import { addRoutes, isOpenPath } from './routes/routes.js'

declare module 'fastify' {
  interface FastifyRequest {
    record: RequestRecord
  }
}

const HEADER_BYTES = 16 * 1024
const MOST_HEADERS = 100
const MOST_CONNECTIONS = 1024
/** Milliseconds. */
const HEADERS_TIMEOUT = 10_000
const REQUEST_TIMEOUT = 30_000
const KEEP_ALIVE_TIMEOUT = 72_000

/** The HTTP side of a server: what holds for all routes. */
export function createApp(context: ServerContext, logger: ReturnType<typeof loggerOptions>): FastifyInstance {
  const app = fastify({
    logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    requestIdHeader: false,
    bodyLimit: context.settings.bodyLimit,
    requestTimeout: REQUEST_TIMEOUT,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    // The end is ours: running answers go on while the listener is closed already.
    return503OnClosing: false,
    forceCloseConnections: false,
    http: {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT,
      connectionsCheckingInterval: 2000,
    },
    clientErrorHandler: refuseConnection,
    frameworkErrors(error, { id }, reply) {
      const { status, headers, body } = toApiError(error, id)
      reply.raw.writeHead(status, { ...headers, 'content-type': 'application/json; charset=utf-8' })
      reply.raw.end(JSON.stringify(body))
    },
  })
  app.server.maxHeadersCount = MOST_HEADERS
  app.server.maxConnections = MOST_CONNECTIONS
  app.decorateRequest('record', null as unknown as RequestRecord)
  acceptJsonOnly(app)

  const isLoopback = isLoopbackHost(context.settings.host)
  app.addHook('onRequest', async (request, reply) => {
    const record = newRecord(request.id)
    request.record = record
    reply.headers({
      'x-request-id': request.id,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(isMessagesPath(request.url) && { 'request-id': request.id }),
    })
    reply.raw.once('close', () => {
      const log = () => logEnd(context, request, reply.raw)
      if (record.isAtWork) record.onEnd = log
      else log()
    })
    if (context.lifecycle.phase === 'closing') reply.header('connection', 'close')
    reply.headers(guardAgainstBrowsers(request.headers, { isLoopback, ...context.settings }))
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
      return reply.headers(preflightHeaders()).code(204).send()
    }
    record.key = authenticate(request, context, isLoopback)
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') {
      throw new ApiError('unsupported_media_type', 'the body is compressed; send it as it is')
    }
    return undefined
  })

  app.setErrorHandler((error, request, reply) => {
    const failure = toApiError(error, request.id)
    const { record } = request
    if (record !== undefined) {
      record.error = failure
      if (record.model !== undefined) context.metrics.rejected(record.model, failure.code)
    }
    reply
      .code(failure.status)
      .headers(failure.headers)
      .send(bodyFor(request.url, failure, request.id))
  })
  app.setNotFoundHandler((request) => {
    throw new ApiError('not_found', notOffered(request.url))
  })
  addRoutes(app, context)
  return app
}

/** What clients look for elsewhere is told of. */
function notOffered(url: string): string {
  if (url.startsWith('/v1/responses')) return 'the Responses API is not offered; use /v1/chat/completions'
  return isOllamaPath(url) ? ollamaNotOffered(url) : 'there is nothing at that path'
}

/** An error in the form of the API that the path belongs to. */
function bodyFor(url: string, failure: ApiError, requestId: string): object {
  if (isMessagesPath(url)) return messagesError(failure, requestId)
  return isGlinerPath(url) || isOllamaPath(url) ? { error: failure.message } : failure.body
}

/**
 * Who asks. Undefined where nobody is asked for a key.
 *
 * @throws ApiError invalid_api_key, before the body is read
 */
function authenticate(
  request: FastifyRequest,
  context: ServerContext,
  isLoopback: boolean,
): ApiKey | undefined {
  const keys = context.keys()
  if (keys.size === 0) return undefined
  const { authorization = '', 'x-api-key': named } = request.headers
  const key = /^Bearer (.+)$/i.exec(authorization)?.[1] ?? (typeof named === 'string' ? named : '')
  const found = keys.find(key)
  if (found !== undefined) return found
  if (isOpenPath(request.url, isLoopback)) return undefined
  throw new ApiError(
    'invalid_api_key',
    'no known key came with the request; send "authorization: Bearer KEY"',
    {
      headers: { 'www-authenticate': 'Bearer' },
    },
  )
}

/** One line for each request, at its end. */
function logEnd(
  context: ServerContext,
  request: FastifyRequest,
  response: import('node:http').ServerResponse,
): void {
  const { record, routeOptions, server } = request
  const { log } = server
  const route = routeOptions.url ?? 'unknown'
  context.metrics.http(route, response.statusCode)
  const line = describeRecord(record, route, response)
  const { error } = record
  const isProbe = route === '/health' || route === '/ready' || route === '/metrics'
  if (error !== undefined && error.status >= 500) {
    log.error({ ...line, err: error.cause ?? error }, 'request failed')
  } else if (isProbe) log.debug(line, 'request')
  else log.info(line, 'request')
}
