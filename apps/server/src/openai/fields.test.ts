import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CHAT_FIELDS } from './chat-request.js'
import { classifiedFields } from './fields.js'

/** Fields of a request, as the client's own types have them. */
function fieldsOfClient(): readonly string[] {
  const folder = dirname(createRequire(import.meta.url).resolve('openai'))
  const types = readFileSync(join(folder, 'resources', 'chat', 'completions', 'completions.d.ts'), 'utf8')
  const body = /interface ChatCompletionCreateParamsBase \{\n(.*?)\n\}/s.exec(types)![1]!
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name]) => name!)
}

describe('the fields of a chat completion', () => {
  const fields = fieldsOfClient()

  it('are found in the types of the client', () => {
    expect(fields).toEqual(expect.arrayContaining(['messages', 'model', 'temperature', 'stream', 'tools']))
  })

  it('are all read, without effect, or refused: a new one of the client has to be sorted out', () => {
    const known: readonly string[] = [...CHAT_FIELDS, ...classifiedFields]
    expect(fields.filter((name) => !known.includes(name))).toEqual([])
  })
})
