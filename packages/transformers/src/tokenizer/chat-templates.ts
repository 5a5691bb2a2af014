import { type ChatTemplateInput, compileChatTemplate } from './chat-template.js'
import { ChatTemplateError } from './errors.js'
import { isObject, type JsonObject } from './json.js'
import { wrong } from './tokenizer-json.js'

/** The templates of a tokenizer by name; the one that applies unless another is asked for is called "default". */
export type ChatTemplates = ReadonlyMap<string, string>

/** Template files win over `chat_template` in tokenizer_config.json (a string, or a list of named templates). */
export function readChatTemplates(config: JsonObject, templateFiles: ChatTemplates): ChatTemplates {
  if (templateFiles.size > 0) return templateFiles
  const file = 'tokenizer_config.json'
  const declared = config.chat_template ?? []
  if (typeof declared === 'string') return new Map([['default', declared]])
  if (!Array.isArray(declared)) throw wrong('chat_template', declared, 'a string or a list', file)
  return new Map(
    declared.map((entry: unknown, index) => {
      const { name, template } = isObject(entry) ? entry : {}
      if (typeof name !== 'string' || typeof template !== 'string') {
        throw wrong(`chat_template[${index}]`, entry, 'an object with "name" and "template"', file)
      }
      return [name, template]
    }),
  )
}

/** Templates that stay compiled: a tokenizer has few, and a caller may pass another one with every call. */
const MAX_COMPILED = 16

/** Renders with a template, compiling those in use once. */
export function createChatRenderer(): (input: ChatTemplateInput, source: string) => string {
  const compiled = new Map<string, ReturnType<typeof compileChatTemplate>>()
  return (input, source) => {
    const known = compiled.get(source)
    if (known !== undefined) return known(input)
    const render = compileChatTemplate(source)
    if (compiled.size >= MAX_COMPILED) compiled.clear()
    compiled.set(source, render)
    return render(input)
  }
}

/** As get_chat_template of transformers: a name or a whole template; tools prefer the template named "tool_use". */
export function selectTemplate(
  templates: ChatTemplates,
  wanted: string | undefined,
  hasTools: boolean,
): string {
  if (wanted !== undefined) {
    const named = templates.get(wanted)
    if (named !== undefined) return named
    // Only a template that writes something has braces: a mistyped name must not become the prompt.
    if (wanted.includes('{{') || wanted.includes('{%')) return wanted
  }
  const source = (hasTools ? templates.get('tool_use') : undefined) ?? templates.get('default')
  if (wanted === undefined && source !== undefined) return source
  throw templateMissing([...templates.keys()], wanted)
}

function templateMissing(names: readonly string[], wanted: string | undefined): ChatTemplateError {
  const known = names.map((name) => `"${name}"`).join(', ')
  const available = known === '' ? 'this tokenizer has no chat template' : `this tokenizer has ${known}`
  const message =
    wanted !== undefined
      ? `"${wanted}" is neither a template nor the name of one: ${available}`
      : known === ''
        ? available
        : `${available}, and no chat template named "default"`
  return new ChatTemplateError('CHAT_TEMPLATE_MISSING', message, {
    field: 'chatTemplate',
    found: wanted,
    expected: names,
    hint: 'Give a plain prompt (base models have no template), add chat_template.jinja to the folder, or pass a Jinja template or a name as chatTemplate.',
  })
}
