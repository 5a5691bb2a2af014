import { randomBytes, randomInt } from 'node:crypto'
import type { ToolFormat } from './tool-format.js'

const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** What the templates of Mistral insist on. */
const MISTRAL_ID = /^[A-Za-z0-9]{9}$/

/** An id for a call, which the answer to it names. */
export function newCallId(format: ToolFormat): string {
  if (format !== 'mistral') return `call_${randomBytes(12).toString('hex')}`
  return Array.from({ length: 9 }, () => ALPHANUMERIC[randomInt(ALPHANUMERIC.length)]).join('')
}

/** The id that a model gave itself, if it is one that its template takes back. */
export const givenCallId = (id: string | undefined): string | undefined =>
  id !== undefined && MISTRAL_ID.test(id) ? id : undefined
