import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { question, type StubServer, stubServer } from '../testing/test-server.fixture.js'

let stub: StubServer
beforeAll(async () => {
  stub = await stubServer({ pieces: ['a', 'b'], contextLength: 1000 })
})
afterAll(() => stub[Symbol.asyncDispose]())

const CHAT = '/v1/chat/completions'
const COMPLETIONS = '/v1/completions'
type Row = [string, string, unknown, number, string, string]
const schema = (more: object) => ({
  type: 'json_schema',
  json_schema: { name: 'x', schema: { type: 'object' }, ...more },
})
const tool = (more: object = {}) => ({ type: 'function', function: { name: 'f', ...more } })
const message = (fields: object) => question({ messages: [{ role: 'user', content: 'Hi' }, fields] })

describe('what a request is refused with', () => {
  it.each<[string, string, unknown, number, string, string | null]>([
    ['a body that is no JSON', CHAT, '{"model":', 400, 'invalid_json', null],
    ['an empty body', CHAT, '', 400, 'invalid_json', null],
    ['a list', CHAT, [], 400, 'invalid_json', null],
    ['brackets within brackets', CHAT, `${'['.repeat(65)}${']'.repeat(65)}`, 400, 'invalid_json', null],
    ['a key that reaches into objects', CHAT, '{"__proto__": {"a": 1}}', 400, 'invalid_json', null],
    ['no messages', CHAT, { model: 'stub' }, 400, 'missing_field', 'messages'],
    ['no message', CHAT, question({ messages: [] }), 400, 'invalid_value', 'messages'],
    ['messages that are a text', CHAT, question({ messages: 'Hi' }), 400, 'invalid_type', 'messages'],
    ['a message without a role', CHAT, message({ content: 'x' }), 400, 'missing_field', 'messages[1].role'],
    [
      'an unknown role',
      CHAT,
      message({ role: 'king', content: '' }),
      400,
      'invalid_value',
      'messages[1].role',
    ],
    ['an old role', CHAT, message({ role: 'function' }), 400, 'unsupported_value', 'messages[1].role'],
    ['no content', CHAT, message({ role: 'user' }), 400, 'missing_field', 'messages[1].content'],
    [
      'content of a number',
      CHAT,
      message({ role: 'user', content: 5 }),
      400,
      'invalid_type',
      'messages[1].content',
    ],
    [
      ...[
        'a picture',
        CHAT,
        message({ role: 'user', content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }] }),
      ],
      ...[400, 'unsupported_content', 'messages[1].content[0]'],
    ] as Row,
    [
      ...['arguments that are no JSON', CHAT],
      message({ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: '{' } }] }),
      ...[400, 'invalid_value', 'messages[1].tool_calls[0].function.arguments'],
    ] as Row,
    ...[
      `${'['.repeat(5000)}${']'.repeat(5000)}`,
      `{"a":${'['.repeat(64)}${']'.repeat(64)}}`,
      '[1]',
      'null',
      '5',
    ].map(
      (json): Row => [
        `arguments of a call that are ${json.slice(0, 8)}`,
        CHAT,
        message({ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: json } }] }),
        ...([400, 'invalid_value', 'messages[1].tool_calls[0].function.arguments'] as const),
      ],
    ),
    ['a number as a text', CHAT, question({ temperature: '1' }), 400, 'invalid_type', 'temperature'],
    ['a temperature out of range', CHAT, question({ temperature: 2.5 }), 400, 'invalid_value', 'temperature'],
    ['no tokens', CHAT, question({ max_tokens: 0 }), 400, 'invalid_value', 'max_tokens'],
    ['half a token', CHAT, question({ max_tokens: 1.5 }), 400, 'invalid_value', 'max_tokens'],
    ['nine choices', CHAT, question({ n: 9 }), 400, 'invalid_value', 'n'],
    ['an empty stop string', CHAT, question({ stop: [''] }), 400, 'invalid_value', 'stop[0]'],
    ['17 stop strings', CHAT, question({ stop: Array(17).fill('x') }), 400, 'invalid_value', 'stop'],
    ['a bias for a word', CHAT, question({ logit_bias: { yes: 1 } }), 400, 'invalid_value', 'logit_bias'],
    ['a bias out of range', CHAT, question({ logit_bias: { 5: 101 } }), 400, 'invalid_value', 'logit_bias.5'],
    [
      'stream options without a stream',
      CHAT,
      question({ stream_options: {} }),
      400,
      'invalid_value',
      'stream_options',
    ],
    ['top_logprobs alone', CHAT, question({ top_logprobs: 2 }), 400, 'invalid_value', 'top_logprobs'],
    ['functions', CHAT, question({ functions: [] }), 400, 'unsupported_field', 'functions'],
    ['speech', CHAT, question({ modalities: ['audio'] }), 400, 'unsupported_field', 'modalities'],
    ['a template', CHAT, question({ chat_template: '{{ x }}' }), 400, 'unsupported_field', 'chat_template'],
    ['a guided choice', CHAT, question({ guided_choice: ['a'] }), 400, 'unsupported_field', 'guided_choice'],
    [
      ...['a variable that is a field', CHAT, question({ chat_template_kwargs: { messages: [] } })],
      ...[400, 'invalid_value', 'chat_template_kwargs'],
    ] as Row,
    [
      ...['two ways to end', CHAT, question({ add_generation_prompt: true, continue_final_message: true })],
      ...[400, 'invalid_value', 'continue_final_message'],
    ] as Row,
    [
      ...['the user to be continued', CHAT, question({ continue_final_message: true })],
      ...[400, 'invalid_value', 'continue_final_message'],
    ] as Row,
    [
      ...['a format that nobody knows', CHAT, question({ response_format: { type: 'xml' } })],
      ...[400, 'unsupported_value', 'response_format.type'],
    ] as Row,
    [
      ...['a schema without a name', CHAT, question({ response_format: schema({ name: undefined }) })],
      ...[400, 'missing_field', 'response_format.json_schema.name'],
    ] as Row,
    [
      ...[
        'a schema with a sentence for a name',
        CHAT,
        question({ response_format: schema({ name: 'a b' }) }),
      ],
      ...[400, 'invalid_value', 'response_format.json_schema.name'],
    ] as Row,
    [
      ...['a schema of a book', CHAT],
      question({ response_format: schema({ schema: { title: 'x'.repeat(70_000) } }) }),
      ...[400, 'invalid_value', 'response_format.json_schema.schema'],
    ] as Row,
    [
      ...['a schema that is not offered', CHAT],
      question({ response_format: schema({ schema: { not: {} } }) }),
      ...[400, 'unsupported_schema', 'response_format'],
    ] as Row,
    [
      ...['a pattern that looks back', COMPLETIONS],
      { model: 'stub', prompt: 'x', response_format: { type: 'regex', pattern: '(a)\\1' } },
      ...[400, 'unsupported_schema', 'response_format'],
    ] as Row,
    [
      ...['a pattern of too many states', CHAT],
      question({ response_format: { type: 'regex', pattern: '[ab]*a[ab]{40}' } }),
      ...[400, 'grammar_too_complex', 'response_format'],
    ] as Row,
    [
      ...['an end that a format does not have', CHAT],
      question({ response_format: { type: 'json_object' }, ignore_eos: true }),
      ...[400, 'invalid_value', 'ignore_eos'],
    ] as Row,
    [
      ...['tools of a model without any', CHAT, question({ tools: [tool()] })],
      ...[400, 'unsupported_field', 'tools'],
    ] as Row,
    [
      ...['a tool of another kind', CHAT, question({ tools: [{ type: 'web_search' }] })],
      ...[400, 'invalid_value', 'tools[0].type'],
    ] as Row,
    [
      ...['two tools of one name', CHAT, question({ tools: [tool(), tool()] })],
      ...[400, 'invalid_value', 'tools[1].function.name'],
    ] as Row,
    [
      ...['129 tools', CHAT, question({ tools: Array(129).fill(tool()) })],
      ...[400, 'invalid_value', 'tools'],
    ] as Row,
    [
      ...['tools with books for schemas', CHAT],
      question({ tools: [tool({ parameters: { title: 'x'.repeat(270_000) } })] }),
      ...[400, 'invalid_value', 'tools'],
    ] as Row,
    [
      ...['a tool that is not there', CHAT],
      question({ tools: [tool()], tool_choice: { type: 'function', function: { name: 'g' } } }),
      ...[400, 'invalid_value', 'tool_choice.function.name'],
    ] as Row,
    [
      ...['a choice of some tools', CHAT],
      question({ tools: [tool()], tool_choice: { type: 'allowed_tools' } }),
      ...[400, 'invalid_value', 'tool_choice'],
    ] as Row,
    ['no model', COMPLETIONS, { prompt: 'x' }, 400, 'missing_field', 'model'],
    ['no prompt', COMPLETIONS, { model: 'stub' }, 400, 'missing_field', 'prompt'],
    ['no prompt in a list', COMPLETIONS, { model: 'stub', prompt: [] }, 400, 'invalid_value', 'prompt'],
    ['half a token id', COMPLETIONS, { model: 'stub', prompt: [1.5] }, 400, 'invalid_value', 'prompt[0]'],
    [
      '65 answers',
      COMPLETIONS,
      { model: 'stub', prompt: Array(13).fill('x'), n: 5 },
      400,
      'invalid_value',
      'prompt',
    ],
    [
      'best of many',
      COMPLETIONS,
      { model: 'stub', prompt: 'x', best_of: 4 },
      400,
      'unsupported_field',
      'best_of',
    ],
    [
      'a suffix',
      COMPLETIONS,
      { model: 'stub', prompt: 'x', suffix: 'y' },
      400,
      'unsupported_field',
      'suffix',
    ],
    [
      'a prompt without end',
      COMPLETIONS,
      { model: 'stub', prompt: 'x'.repeat(1000) },
      400,
      'context_length_exceeded',
      'prompt',
    ],
    ['no tokens to read', '/detokenize', {}, 400, 'missing_field', 'tokens'],
    ['no text to read', '/tokenize', {}, 400, 'missing_field', 'prompt'],
  ])('%s', async (_, url, body, status, code, param) => {
    const answer = await stub.post(url, body)
    expect(answer.json()).toEqual({
      error: { message: expect.any(String), type: 'invalid_request_error', param, code },
    })
    expect(answer.statusCode).toBe(status)
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.stringMatching(/^req_/),
    })
  })

  it('names a path, a method and a content type that are not offered', async () => {
    const [path, responses, method, form, compressed, large] = await Promise.all([
      stub.get('/v1/nothing'),
      stub.post('/v1/responses', {}),
      stub.get(CHAT),
      stub.post(CHAT, 'a=b', { 'content-type': 'text/plain' }),
      stub.post(CHAT, question(), { 'content-encoding': 'gzip' }),
      stub.post(CHAT, JSON.stringify(question({ user: 'x'.repeat(4 * 2 ** 20) }))),
    ])
    expect([path.statusCode, path.json().error.code]).toEqual([404, 'not_found'])
    expect(responses.json().error.message).toContain('/v1/chat/completions')
    expect([method.statusCode, method.headers.allow, method.json().error.code]).toEqual([
      ...[405, 'POST', 'method_not_allowed'],
    ])
    for (const answer of [form, compressed]) {
      expect([answer.statusCode, answer.json().error.code]).toEqual([415, 'unsupported_media_type'])
    }
    expect([large.statusCode, large.json().error.code]).toEqual([413, 'request_too_large'])
  })

  it('quotes no text of the request', async () => {
    const secret = 'the secret of the house'
    const answers = await Promise.all([
      stub.post(CHAT, message({ role: 'user', content: [{ type: secret }] })),
      stub.post(CHAT, question({ [secret]: 1, stop: secret.repeat(40) })),
      stub.post(CHAT, `{"messages": "${secret}`),
    ])
    for (const { body } of answers) expect(body).not.toContain(secret)
  })
})
