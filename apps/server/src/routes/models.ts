import type { FastifyRequest } from 'fastify'
import type { ServerContext } from '../context.js'
import type { ModelEntry } from '../models/model-entry.js'

/** `GET /v1/models` */
export const listModels = (context: ServerContext) => async () => ({
  object: 'list',
  data: context.registry.entries.map((entry) => describeModel(entry, context)),
})

/** `GET /v1/models/{id}`; an id may hold slashes, written as they are or as %2F. */
export const showModel =
  (context: ServerContext) => async (request: FastifyRequest<{ Params: { '*': string } }>) =>
    describeModel(context.registry.findExactly(request.params['*']), context)

/** Nothing about where a model lies. */
function describeModel({ name, aliases, state, loaded }: ModelEntry, { created }: ServerContext): object {
  return {
    ...{ id: name, object: 'model', created, owned_by: 'hfquant' },
    x_quantization: loaded?.quantization ?? null,
    x_state: state,
    x_kind: loaded?.kind ?? null,
    x_context_length: loaded?.contextLength ?? null,
    x_aliases: aliases,
  }
}
