import type { FastifyRequest } from 'fastify'
import type { ServerContext } from '../context.js'
import { bodyOf, missing, optional, text } from '../http/read-body.js'
import type { ModelEntry } from '../models/model-entry.js'
import { describeModel, expiryOf, showModel } from '../ollama/describe-model.js'
import { OLLAMA_VERSION } from '../ollama/ollama-paths.js'

/** `GET /api/version` */
export const ollamaVersion = () => async () => ({ version: OLLAMA_VERSION })

/** `GET /api/tags`: all models. */
export const ollamaTags =
  ({ registry }: ServerContext) =>
  async () => ({ models: registry.entries.map(describeModel) })

/** `GET /api/ps`: those that are loaded. */
export const ollamaPs =
  ({ registry }: ServerContext) =>
  async () => ({
    models: registry.entries.flatMap((entry) => {
      const { loaded } = entry
      if (loaded === undefined) return []
      const { contextLength, bytes: size } = loaded
      const expires_at = expiryOf(entry).toISOString()
      return [{ ...describeModel(entry), size, size_vram: 0, expires_at, context_length: contextLength }]
    }),
  })

/** `POST /api/show`; nothing is loaded for it. */
export const ollamaShow = (context: ServerContext) => async (request: FastifyRequest) =>
  showModel(named(context, request))

/** `POST /api/pull`: what is served need not be pulled, and nothing else can be. */
export const ollamaPull = (context: ServerContext) => async (request: FastifyRequest) => {
  named(context, request)
  return { status: 'success' }
}

/** The model of a request that is about one: by its name, however many there are. */
function named({ registry }: ServerContext, { body: raw }: FastifyRequest): ModelEntry {
  const body = bodyOf(raw)
  const read = text({ most: 256 })
  const name = optional(body, 'model', read) ?? optional(body, 'name', read)
  if (name === undefined) throw missing('model', 'the name of a model')
  return registry.findExactly(name)
}
