import { randomBytes } from 'node:crypto'

/** "chatcmpl-" and 24 hexadecimal digits. */
export const newId = (prefix: 'chatcmpl' | 'cmpl' | 'embd'): string =>
  `${prefix}-${randomBytes(12).toString('hex')}`
