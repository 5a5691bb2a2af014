import type { FastifyInstance } from 'fastify'
import { ApiError } from './api-error.js'

/** Lists and objects within each other: parsing four megabytes of brackets takes most of a second. */
export const MAX_DEPTH = 64

/** Bodies are JSON, and nothing else is one. */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  // Keys such as "__proto__" are refused.
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (isDeeperThan(body as Buffer, MAX_DEPTH)) {
      done(new ApiError('invalid_json', `the body nests deeper than ${MAX_DEPTH} levels`))
      return
    }
    parse(request, body.toString('utf8'), (error, value) => {
      if (error === null) done(null, value)
      else
        done(new ApiError('invalid_json', 'the body is no valid JSON; check its quotes, commas and brackets'))
    })
  })
}

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
