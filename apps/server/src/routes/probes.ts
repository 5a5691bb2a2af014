import type { FastifyReply } from 'fastify'
import type { ServerContext } from '../context.js'

/** `GET /health`: whether the process can still do its work. */
export const health =
  ({ registry }: ServerContext) =>
  async (_: unknown, reply: FastifyReply): Promise<object> => {
    const gaveUp = registry.entries.every(({ state }) => state === 'failed')
    if (gaveUp) reply.code(503)
    return { status: gaveUp ? 'failed' : 'ok' }
  }

/**
 * `GET /ready`: whether requests are welcome. A full queue changes nothing: one burst would take every replica out at
 * once.
 */
export const ready =
  (context: ServerContext) =>
  async (_: unknown, reply: FastifyReply): Promise<object> => {
    const status = readiness(context)
    if (status !== 'ready') reply.code(503)
    return { status }
  }

function readiness({ registry, lifecycle, settings }: ServerContext): string {
  const { entries } = registry
  if (lifecycle.phase === 'draining' || lifecycle.phase === 'closing') return 'draining'
  if (entries.every(({ state }) => state === 'failed')) return 'failed'
  if (entries.some(({ isRestarting }) => isRestarting)) return 'restarting'
  const isLoading = settings.load === 'eager' && entries.some(({ state }) => state === 'loading')
  return lifecycle.phase === 'starting' || isLoading ? 'loading' : 'ready'
}
