import type { FastifyInstance, HTTPMethods, RouteHandlerMethod } from 'fastify'
import type { ServerContext } from '../context.js'
import { ApiError } from '../http/api-error.js'
import { chatCompletions } from './chat-completions.js'
import { completions } from './completions.js'
import { classify, embeddings } from './embeddings.js'
import { entities, gliner } from './entities.js'
import { countMessageTokens, messages } from './messages.js'
import { metricsText } from './metrics.js'
import { listModels, showModel } from './models.js'
import { ollamaChat, ollamaGenerate } from './ollama.js'
import { ollamaEmbed } from './ollama-embed.js'
import { ollamaPs, ollamaPull, ollamaShow, ollamaTags, ollamaVersion } from './ollama-models.js'
import { health, ready } from './probes.js'
import { detokenize, tokenize } from './tokenize.js'

interface Route {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly handler: RouteHandlerMethod
}

const routesOf = (context: ServerContext): readonly Route[] => {
  const get = (url: string, handler: unknown): Route => ({
    method: 'GET',
    url,
    handler: handler as RouteHandlerMethod,
  })
  const post = (url: string, handler: unknown): Route => ({ ...get(url, handler), method: 'POST' })
  return [
    get('/health', health(context)),
    get('/ready', ready(context)),
    get('/metrics', metricsText(context)),
    get('/v1/models', listModels(context)),
    get('/v1/models/*', showModel(context)),
    post('/v1/chat/completions', chatCompletions(context)),
    post('/v1/completions', completions(context)),
    post('/v1/embeddings', embeddings(context)),
    post('/v1/entities', entities(context)),
    post('/gliner', gliner(context)),
    post('/v1/messages', messages(context)),
    post('/v1/messages/count_tokens', countMessageTokens(context)),
    post('/api/chat', ollamaChat(context)),
    post('/api/generate', ollamaGenerate(context)),
    post('/api/embed', ollamaEmbed(context)),
    get('/api/version', ollamaVersion()),
    get('/api/tags', ollamaTags(context)),
    get('/api/ps', ollamaPs(context)),
    post('/api/show', ollamaShow(context)),
    post('/api/pull', ollamaPull(context)),
    ...['', '/v1'].flatMap((below) => [
      post(`${below}/tokenize`, tokenize(context)),
      post(`${below}/detokenize`, detokenize(context)),
      post(`${below}/classify`, classify(context)),
    ]),
  ]
}

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Adds all routes; a known path with another method is told which one it has. */
export function addRoutes(app: FastifyInstance, context: ServerContext): void {
  for (const { method, url, handler } of routesOf(context)) {
    app.route({ method, url, handler, exposeHeadRoute: method === 'GET' })
    const allowed: readonly HTTPMethods[] = method === 'GET' ? ['GET', 'HEAD'] : [method]
    app.route({
      method: METHODS.filter((other) => !allowed.includes(other)),
      url,
      exposeHeadRoute: false,
      async handler() {
        throw new ApiError('method_not_allowed', `this path takes ${allowed.join(' and ')}`, {
          headers: { allow: allowed.join(', ') },
        })
      },
    })
  }
}

/** Paths that need no key; metrics only where nobody but this machine can ask. */
export function isOpenPath(url: string, isLoopback: boolean): boolean {
  const path = url.split('?', 1)[0]
  return path === '/health' || path === '/ready' || (isLoopback && path === '/metrics')
}
