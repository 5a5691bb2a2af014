import { expect, it } from 'vitest'
import { AutoTokenizer } from '../../tokenizer/index.js'
import { readGolden, withFolder } from '../../tokenizer/test-folder.js'
import { chatPrompt } from './chat-prompt.js'

const template =
  '{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}'
const tokenizer = await withFolder(
  { 'tokenizer.json': await readGolden<object>('tokenizer.json'), 'chat_template.jinja': template },
  AutoTokenizer.fromPretrained,
)
const user = { role: 'user', content: 'Hi' }
const encode = (text: string) => ({ inputIds: tokenizer.encode(text, { addSpecialTokens: false }) })

it('ends where the answer begins, and leaves the options of the generation', async () => {
  const [prompt, options] = await chatPrompt([user], { maxNewTokens: 3, variables: { x: 1 } }, tokenizer)
  expect(prompt).toEqual(encode('<user>Hi</><assistant>'))
  expect(options).toEqual({ maxNewTokens: 3 })
})

it('goes on with the last message when asked to', async () => {
  const messages = [user, { role: 'assistant', content: 'Sure' }]
  const [prompt] = await chatPrompt(messages, { continueFinalMessage: true }, tokenizer)
  expect(prompt).toEqual(encode('<user>Hi</><assistant>Sure'))
})

it('ends with the reason of a signal while the conversation is encoded', async () => {
  const signal = AbortSignal.abort(new Error('enough'))
  await expect(chatPrompt([user], { signal }, tokenizer)).rejects.toThrow('enough')
})

it('needs a tokenizer', async () => {
  await expect(chatPrompt([user], {}, undefined)).rejects.toThrow('it cannot chat')
})
