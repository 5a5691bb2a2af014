import type { FastifyReply } from 'fastify'
import type { ServerContext } from '../context.js'

/** `GET /metrics` */
export const metricsText =
  ({ metrics }: ServerContext) =>
  async (_: unknown, reply: FastifyReply): Promise<FastifyReply> =>
    reply.type(metrics.contentType).send(await metrics.text())
