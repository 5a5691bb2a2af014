import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ServerContext } from '../context.js'
import { shuttingDown } from '../lifecycle.js'
import { ClientLeft, type Exchange, openExchange } from './exchange.js'

/** What a route answers with; undefined where it has written the answer itself. */
export interface Answer {
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Does the work of a request, and sends what it gives.
 *
 * @throws ApiError shutting_down; what `work` throws, or the reason that ended it.
 */
export async function handle(
  context: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  work: (exchange: Exchange) => Promise<Answer | undefined>,
): Promise<FastifyReply> {
  if (context.lifecycle.phase === 'closing') throw shuttingDown()
  const { record } = request
  record.received = performance.now()
  record.isAtWork = true
  const exchange = openExchange(context, record, reply.raw, reply.getHeaders() as OutgoingHttpHeaders)
  try {
    const answer = await work(exchange)
    if (answer === undefined) return reply
    return await reply.headers({ ...answer.headers }).send(answer.body)
  } catch (error) {
    const { signal } = exchange
    if (signal.aborted && signal.reason instanceof ClientLeft) {
      // Nobody reads an answer any more.
      record.finish ??= 'abort'
      reply.hijack()
      reply.raw.destroy()
      return reply
    }
    throw signal.aborted ? signal.reason : error
  } finally {
    exchange.end()
    record.isAtWork = false
    record.onEnd?.()
  }
}
