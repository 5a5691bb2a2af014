import { describe, expect, it } from 'vitest'
import { AutoTokenizer, type ChatMessage, ChatTemplateError, type Tokenizer } from './index.js'
import { goldens, readGolden, withFolder } from './test-folder.js'

interface Chat {
  readonly templates: { readonly [name: string]: string }
  readonly cases: readonly {
    readonly template: string
    readonly messages: readonly ChatMessage[]
    readonly options: {
      add_generation_prompt?: boolean
      tools?: { [key: string]: unknown }[]
      enable_thinking?: boolean
    }
    readonly rendered: string
  }[]
}

const { templates, cases } = await readGolden<Chat>('chat.json')
const json = await readGolden<object>('tokenizer.json')
const user = { role: 'user', content: 'Hello' }

function load(files: { [name: string]: string | object }): Promise<Tokenizer> {
  return withFolder({ 'tokenizer.json': json, ...files }, AutoTokenizer.fromPretrained)
}

function failure(action: () => unknown): ChatTemplateError {
  try {
    action()
  } catch (error) {
    if (ChatTemplateError.isInstance(error)) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('applyChatTemplate, compared with the Python transformers', () => {
  it.each(cases)('renders $template $options', async ({ template, messages, options, rendered }) => {
    const config = { bos_token: '<s>', eos_token: '</s>', chat_template: templates[template] }
    const tokenizer = await load({ 'tokenizer_config.json': config })
    const { add_generation_prompt: addGenerationPrompt = false, tools, ...variables } = options
    const prompt = tokenizer.applyChatTemplate(messages, {
      addGenerationPrompt,
      variables,
      ...(tools && { tools }),
    })
    expect(prompt).toBe(rendered)
  })
})

describe('chat templates', () => {
  it('come from files first, then from the configuration', async () => {
    const config = { 'tokenizer_config.json': { chat_template: 'config' } }
    expect((await load(config)).applyChatTemplate([user])).toBe('config')
    expect((await load({ ...config, 'chat_template.jinja': 'file' })).applyChatTemplate([user])).toBe('file')
  })

  it('are chosen by name, and "tool_use" when there are tools', async () => {
    const list = ['default', 'tool_use', 'rag'].map((name) => ({ name, template: `the ${name} template` }))
    const tokenizer = await load({ 'tokenizer_config.json': { chat_template: list } })
    expect(tokenizer.applyChatTemplate([user])).toBe('the default template')
    expect(tokenizer.applyChatTemplate([user], { tools: [{}] })).toBe('the tool_use template')
    expect(tokenizer.getChatTemplate({ tools: [{}] })).toBe('the tool_use template')
    expect(tokenizer.applyChatTemplate([user], { chatTemplate: 'rag' })).toBe('the rag template')
    expect(tokenizer.applyChatTemplate([user], { chatTemplate: '{{ messages[0].content }}!' })).toBe('Hello!')
    const error = failure(() => tokenizer.applyChatTemplate([user], { chatTemplate: 'rga' }))
    expect(error.message).toContain('"rga" is neither a template nor the name of one')
    expect(error.message).toContain('"default", "tool_use", "rag"')
  })

  it('may lie in additional_chat_templates', async () => {
    const tokenizer = await load({ 'additional_chat_templates/short.jinja': 'short' })
    expect(tokenizer.applyChatTemplate([user], { chatTemplate: 'short' })).toBe('short')
    expect(failure(() => tokenizer.applyChatTemplate([user])).message).toContain(
      'no chat template named "default"',
    )
  })

  it('write dates in English, whatever the locale', async () => {
    const tokenizer = await load({
      'chat_template.jinja': "{{ strftime_now('%a %d %B %Y %I:%M:%S %p %y %b %q %%') }}",
    })
    const now = new Date(2026, 2, 5, 15, 4, 9)
    expect(tokenizer.applyChatTemplate([user], { now })).toBe('Thu 05 March 2026 03:04:09 PM 26 Mar %q %')
  })

  it('are encoded without a second beginning-of-sequence token', async () => {
    const config = { bos_token: '<s>', chat_template: '{{ bos_token }}{{ messages[0].content }}' }
    const tokenizer = await load({ 'tokenizer_config.json': config })
    expect(tokenizer.encodeChat([user])).toEqual(tokenizer.encode('Hello'))
    expect(await tokenizer.encodeChatAsync([user])).toEqual(tokenizer.encode('Hello'))
  })
})

const endless = '{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}'
const big = "{% set s = 'a' * 4000000 %}"
const often = '{% for i in range(100000) %}'
const end = '{% endfor %}'

describe('errors of chat templates', () => {
  const failWith = async (template: string) => {
    const tokenizer = await load({ 'chat_template.jinja': template })
    return failure(() => tokenizer.applyChatTemplate([user]))
  }

  it('say that there is none, and what to do', async () => {
    const tokenizer = await AutoTokenizer.fromPretrained(goldens)
    const error = failure(() => tokenizer.applyChatTemplate([user]))
    expect(error).toMatchObject({
      code: 'CHAT_TEMPLATE_MISSING',
      message: 'this tokenizer has no chat template',
    })
    expect(error.hint).toContain('plain prompt')
  })

  it('repeat what the template says when it refuses', async () => {
    const error = await failWith("{{ raise_exception('no users here') }}")
    expect(error.code).toBe('CHAT_TEMPLATE_REFUSED')
    expect(error.message).toContain('no users here')
  })

  it('tell templates that do not parse from templates that fail', async () => {
    expect((await failWith('{% if %}')).code).toBe('CHAT_TEMPLATE_INVALID')
    expect((await failWith('{{ messages() }}')).code).toBe('CHAT_TEMPLATE_FAILED')
  })

  it('limit what a template may allocate', async () => {
    expect((await failWith('{{ range(1000000000) | length }}')).message).toContain('the limit is 100000')
    expect((await failWith('{{ range(0, 1, 0) }}')).message).toContain('must not be zero')
  })

  it('come at once, however long the text is that is no number or the name that does not end', async () => {
    const tokenizer = await load({ 'chat_template.jinja': "{{ ('1' * 200000 ~ 'x') | float }}" })
    expect(tokenizer.applyChatTemplate([user])).toBe('0.0')
    const error = await failWith("{{ ('{0' ~ '[' * 200000 ~ '}').format(1) }}")
    expect(error.message).toContain('a "[" without its "]" in a format string')
  })

  it('name the message and the line', async () => {
    const tokenizer = await load({
      'chat_template.jinja': '{% for m in messages %}\n{{ m.role }}:\n{{ m.content + 1 }}\n{% endfor %}',
    })
    const error = failure(() => tokenizer.applyChatTemplate([{ role: 'user', content: 2 }, user]))
    expect(error).toMatchObject({ code: 'CHAT_TEMPLATE_FAILED', field: 'messages[1]' })
    expect(error.message).toContain(
      "(at messages[1], line 3): unsupported operand type(s) for +: 'str' and 'int'",
    )
    expect((await failWith('a\n{% if %}')).message).toContain(
      'does not parse, line 2: expected an expression',
    )
  })

  it.each([
    ['turns of loops', '{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}'],
    [
      'a list in itself',
      '{% set ns = namespace(s=[1]) %}{% for i in range(30) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}',
    ],
    [
      'a list that doubles',
      '{% set ns = namespace(s=[1, 2, 3, 4]) %}{% for i in range(30) %}{% set ns.s = ns.s + ns.s %}{% endfor %}',
    ],
    [
      'a text that doubles',
      "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    ],
    [
      'equality of doubled lists',
      '{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(40) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s == ns.t }}',
    ],
    ['a macro in itself', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}'],
    ['widths', "{{ '%9999999999d' % 1 }}"],
    ['replacements', "{{ ('a' * 1000000)|replace('a', 'b' * 1000) }}"],
    ['powers', '{{ 7 ** (7 ** 9) }}'],
    ['a width that is no number', `{{ '%*d' % (1, 2) }}${endless}`],
    ['nothing, times without end', `{{ [] * (10 ** 400) }}${endless}`],
    ['tabs of no end', `{{ ''.expandtabs(10 ** 400) }}${endless}`],
    ['names in a format that do not end', "{{ '%(' * 1000000 % {} }}"],
    ['a batch that is filled up', '{{ [1]|batch(500000000, 0)|list|length }}'],
    ['names of elements that are missing', `${big}{% set d = {} %}${often}{% if d[s] %}{% endif %}${end}`],
    ['equality of long texts', `${big}{% set t = s ~ 'b' %}{% set u = s ~ 'c' %}${often}{{ t == u }}${end}`],
    [
      'sameness of long texts',
      `${big}{% set t = s ~ 'b' %}{% set u = s ~ 'c' %}${often}{{ t is sameas u }}${end}`,
    ],
    ['keys that are long', `${big}{% set d = {s ~ 'b': 1} %}{% set k = s ~ 'b' %}${often}{{ d[k] }}${end}`],
    [
      'keys of long texts',
      `${big}{% set d = {} %}{% set k = (s,) * 16 %}${often}{% if d[k] %}{% endif %}${end}`,
    ],
    ['long texts without capitals', `${big}{{ ([s] * 100000)|sort|length }}`],
    ['a long text in a long text', "{% set s = 'a' * 2000000 %}{{ ('b' ~ s[:1000000]) in s }}"],
    ['cuts at a long text', "{% set s = 'a' * 2000000 %}{{ s.split(s[:500000] ~ 'b' ~ s[:500000])|length }}"],
    [
      'many beginnings',
      `${big}{% set t = (s ~ 'b',) * 1000 %}{% set u = s ~ 'cc' %}${often}{{ u.startswith(t) }}${end}`,
    ],
    ['capitals of a long text', `${big}${often}{{ s is upper }}${end}`],
    [
      'copies of a dict',
      `{% set d = dict(range(100000)|batch(2)|list) %}${often}{% set e = dict(d) %}${end}`,
    ],
    [
      'named arguments',
      `{% set ns = namespace(l=[]) %}{% for i in range(1000) %}{% set ns.l = ns.l + [(i|string, i)] %}${end}{% set d = dict(ns.l) %}${often}{% set e = dict(**d) %}${end}`,
    ],
    ['lists from behind', `{% set l = [1] * 400000 %}${often}{% set r = l|reverse %}${end}`],
    ['paths', `{% set p = 'a.' * 2000000 %}${often}{% set x = [1]|map(attribute=p) %}${end}`],
    [
      'sums of ints',
      '{% set ns = namespace(x=2 ** 6000) %}{% for i in range(100000) %}{% set ns.x = ns.x + ns.x %}{% endfor %}',
    ],
    [
      'quotients of ints',
      `{% set x = 2 ** 6000 - 1 %}{% set y = 2 ** 3000 - 1 %}${often}{% if x % y %}{% endif %}${end}`,
    ],
    ['ints of many digits', `{% set s = '1' * 4300 %}${often}{% set x = s|int %}${end}`],
    ['a query of long texts', `${big}{{ ([(s, s)] * 2000)|urlencode }}`],
  ])(
    'limit what a template takes: %s',
    async (_name, template) => {
      expect((await failWith(template)).code).toBe('CHAT_TEMPLATE_FAILED')
    },
    20_000,
  )

  it.each([
    ['white space', `${' '.repeat(200_000)}a`, `${' '.repeat(200_000)}a`],
    ['filters', `{{ 'a'${'|trim'.repeat(150)} }}`, 'a'],
    ['a text that is nearly a float', "{{ ('1' * 1000000 ~ 'x')|float }}", '0.0'],
    ['thousands of an int', "{{ ('{:,}'.format(10 ** 4200)|length) }}", '5601'],
    ['precision', "{% set s = '😀' * 1000000 %}{{ '{:.1}'.format(s) }}{{ '%.2s' % s }}", '😀😀😀'],
    [
      'loop.length',
      "{% for x in ([1] * 100000)|map('abs') %}{% if loop.length < 0 %}x{% endif %}{% endfor %}y",
      'y',
    ],
    [
      'loop.last',
      "{% for x in [1, none, 2]|map('string') %}{{ loop.length }}{{ x }}{{ loop.last }} {% endfor %}",
      '31False 3NoneFalse 32True ',
    ],
  ])(
    'read long templates in linear time: %s',
    async (_name, template, text) => {
      const tokenizer = await load({ 'chat_template.jinja': template })
      expect(tokenizer.applyChatTemplate([user])).toBe(text)
    },
    20_000,
  )

  it.each(['(', '[', '-', 'not ', '1 if 1 else '])('refuse what nests without end: %j', async (piece) => {
    expect((await failWith(`{{ ${piece.repeat(50_000)}1 }}`)).code).toBe('CHAT_TEMPLATE_INVALID')
  })

  it('refuse to continue what cannot be continued', async () => {
    const tokenizer = await load({ 'chat_template.jinja': '{{ messages[-1].role }}{# content #}' })
    const last = [{ role: 'assistant', content: 'Sure' }]
    const refuse = (messages: ChatMessage[], more = {}) =>
      failure(() => tokenizer.applyChatTemplate(messages, { continueFinalMessage: true, ...more }))
    expect(refuse(last).message).toContain('does not write the whole text of the last message')
    expect(refuse([{ role: 'assistant', content: null }]).message).toContain('messages[0] has no text')
    expect(refuse(last, { addGenerationPrompt: true }).code).toBe('CHAT_OPTIONS_INVALID')
  })

  it.each([[[]], [[{ content: 'x' }]], ['Hello']])('name messages that are none: %j', async (messages) => {
    const tokenizer = await load({ 'chat_template.jinja': 'x' })
    // @ts-expect-error not a conversation
    const error = failure(() => tokenizer.applyChatTemplate(messages))
    expect(error).toMatchObject({ code: 'CHAT_MESSAGES_INVALID', field: 'messages' })
  })
})
