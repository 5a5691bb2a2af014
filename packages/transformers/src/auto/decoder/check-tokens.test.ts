import type { ModelFacts } from '@hfquant/models'
import { expect, it } from 'vitest'
import { AutoTokenizer } from '../../tokenizer/index.js'
import { readGolden, withFolder } from '../../tokenizer/test-folder.js'
import { checkTokens, promptTokens } from './check-tokens.js'

it('gives a chat one beginning token, and two to whoever writes two', async () => {
  const files = {
    'tokenizer.json': await readGolden<object>('tokenizer.json'),
    'tokenizer_config.json': { bos_token: '<s>', chat_template: '{{ bos_token }}{{ messages[0].content }}' },
  }
  const tokenizer = await withFolder(files, AutoTokenizer.fromPretrained)
  const messages = [{ role: 'user', content: 'Hello' }]
  const ids = tokenizer.encode('Hello')
  const bos = tokenizer.bosTokenId!
  expect(ids.filter((id) => id === bos)).toHaveLength(1)
  expect(await promptTokens(tokenizer.applyChatTemplate(messages), tokenizer)).toEqual(ids)
  expect(await promptTokens('<s><s>Hello', tokenizer)).toEqual([bos, ...ids])
  expect(await promptTokens('Hello', tokenizer)).toEqual(ids)
})

it('refuses no tokens, and says what to pass', () => {
  expect(() => checkTokens([], { vocabSize: 8, maxPositions: 4 } as ModelFacts)).toThrow(
    expect.objectContaining({ code: 'INPUT_EMPTY', hint: expect.stringContaining('Pass one at least') }),
  )
})
