import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ApiError } from './api-error.js'

/** Lists and objects within each other: parsing four megabytes of brackets takes most of a second. */
export const MAX_DEPTH = 64

/** Bodies are JSON, and nothing else is one. */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  // Keys such as "__proto__" are refused.
  const parser = app.getDefaultJsonParser('error', 'error')
  const parse = (request: FastifyRequest, text: string) =>
    new Promise<unknown>((resolve, reject) => {
      parser(request, text, (error, value) => (error === null ? resolve(value) : reject(error)))
    })
  const options = { parseAs: 'buffer' } as const
  app.addContentTypeParser('application/json', options, async (request: FastifyRequest, body: Buffer) => {
    const giveWay = async () => void (body.length >= LARGE && (await setImmediate()))
    await giveWay()
    if (isDeeperThan(body, MAX_DEPTH)) {
      throw new ApiError('invalid_json', `the body nests deeper than ${MAX_DEPTH} levels`)
    }
    await giveWay()
    const text = body.toString('utf8')
    await giveWay()
    const value = await parse(request, text).catch(() => {
      throw new ApiError('invalid_json', 'the body is no valid JSON; check its quotes, commas and brackets')
    })
    await giveWay()
    return value
  })
}

/** Bytes of a body of which each step takes milliseconds: other requests have a turn between them. */
const LARGE = 2 ** 18

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Looks at brackets outside of strings, before anything is parsed. */
export function isDeeperThan(json: Uint8Array, levels: number): boolean {
  let depth = 0
  let inString = false
  for (let index = 0; index < json.length; index++) {
    const byte = json[index]!
    if (inString) {
      if (byte === BACKSLASH) index++
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) inString = true
    else if (byte === 0x5b || byte === 0x7b) {
      depth++
      if (depth > levels) return true
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return false
}
