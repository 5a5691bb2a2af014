import { describe, expect, it } from 'vitest'
import type { GeneratedPiece } from '../auto/decoder/generate-text.js'
import { type AnswerRequest, findAnswerFormat, planAnswer, readAnswer } from './index.js'

const add = { type: 'function', function: { name: 'add', parameters: { type: 'object' } } } as const
const tools = { tools: [add], choice: 'auto', parallel: true } as const

/** Of a model with calls as Hermes writes them, and with reasoning whose markers are tokens. */
const format = findAnswerFormat(
  '{{ messages }}<tool_call>',
  { tokenToId: (token) => ({ '<think>': 7, '</think>': 8 })[token], tokenBytes: () => new Uint8Array() },
  { toolFormat: 'auto', reasoning: 'auto' },
)
const plain = findAnswerFormat('{{ messages }}', undefined, { toolFormat: 'auto', reasoning: 'auto' })
const plan = (request: Partial<AnswerRequest>) => planAnswer({ format, ending: 'assistant:', ...request })

async function read(texts: readonly string[], request: Partial<AnswerRequest>, stop: readonly string[] = []) {
  async function* pieces(): AsyncGenerator<GeneratedPiece> {
    for (const [tokenId, text] of texts.entries()) {
      const isLast = tokenId === texts.length - 1
      yield { text, tokenId, ...(isLast && { finish: 'length' as const, usage: usage(texts.length) }) }
    }
  }
  const usage = (completionTokens: number) => ({ promptTokens: 5, cachedTokens: 2, completionTokens })
  const tokens = []
  for await (const token of readAnswer(pieces(), { plan: plan(request), stop, usage })) tokens.push(token)
  return tokens
}

describe('an answer', () => {
  it('of which nothing is asked is constrained by nothing', () => {
    expect(planAnswer({ format: plain, ending: '' })).toEqual({
      ...{ grammar: undefined, reader: { tools: undefined, reasoning: undefined } },
      ...{ keptTokenIds: [], endsWithCall: false, readsStops: false },
    })
  })

  it('is a call or what is asked for, behind the reasoning that the prompt has begun', () => {
    const { grammar, keptTokenIds, readsStops } = plan({
      ...{ ending: 'assistant:<think>\n', tools, responseFormat: { type: 'json_object' } },
    })
    expect(grammar).toMatchObject({
      type: 'sequence',
      parts: [
        { type: 'sequence', parts: [{ type: 'free' }, { type: 'token', id: 8 }, { type: 'regex' }] },
        { type: 'choice', options: [{ type: 'json_object' }, { type: 'repeat' }] },
      ],
    })
    expect([keptTokenIds, readsStops]).toEqual([[7, 8], true])
  })

  it('cannot be a call of a model that has none', () => {
    expect(() => planAnswer({ format: plain, ending: '', tools })).toThrow(
      expect.objectContaining({ code: 'TOOL_FORMAT_UNKNOWN', expected: ['hermes', 'llama3', 'mistral'] }),
    )
  })

  it('is read token by token, to why it ends and what it took', async () => {
    const tokens = await read(['<think>', 'Hm', '</think>', 'Yes'], {})
    expect(tokens.map(({ place }) => place)).toEqual([...Array(3).fill('reasoning'), 'content'])
    expect(tokens.flatMap(({ events }) => events)).toEqual([
      { type: 'reasoning', text: 'Hm' },
      { type: 'content', text: 'Yes' },
    ])
    expect(tokens.at(-1)).toMatchObject({
      finish: 'length',
      usage: { promptTokens: 5, completionTokens: 4, reasoningTokens: 3 },
    })
  })

  it('ends before a stop string of its content, and behind its first call where there may be one', async () => {
    const stopped = await read(['<think>END</think>', 'One', ' EN', 'D more', 'x'], {}, ['END'])
    expect(stopped.at(-1)).toMatchObject({
      finish: 'stop',
      stopString: 'END',
      usage: { completionTokens: 4 },
    })
    const call = ['<tool_call>{"name": "add", "arguments": {}}', '</tool_call>', '<tool_call>']
    const called = await read(call, { tools: { ...tools, parallel: false } })
    expect(called).toMatchObject([{ place: 'call', finish: 'tool_calls', usage: { cachedTokens: 2 } }])
  })
})
