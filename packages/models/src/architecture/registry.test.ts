import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import { llama } from '../families/llama.js'
import type { Architecture } from './define-architecture.js'
import { describeModel, registerArchitecture } from './registry.js'
import { spellingsOf } from './spellings.js'

const nowhere = async () => ({ refused: undefined })

const path = new URL('../../../../goldens/folders/llama/config.json', import.meta.url)
const config: JsonObject = JSON.parse(readFileSync(fileURLToPath(path), 'utf8'))

describe('the family of a config.json is found by', () => {
  test.each<readonly [what: string, change: JsonObject]>([
    ['its architecture', { model_type: 'something' }],
    ['an architecture in an old spelling', { architectures: ['LLaMAForCausalLM'], model_type: null }],
    ['that of a training wrapper', { architectures: ['FSDPLlamaForCausalLM'], model_type: null }],
    ['that of the base model', { architectures: ['LlamaModel'], model_type: null }],
    ['a second one that is known', { architectures: ['Unknown', 'LlamaForCausalLM'], model_type: null }],
    ['a plain string', { architectures: 'LlamaForCausalLM', model_type: null }],
    ['its model type, where there is no architecture', { architectures: null }],
    ['its model type, where the architecture is unknown', { architectures: ['Unknown'] }],
  ])('%s', async (_, change) => {
    const model = await describeModel({ ...config, ...change }, nowhere)
    const plain = await describeModel(config, nowhere)
    expect([model.name, model.facts]).toEqual(['LlamaForCausalLM', plain.facts])
  })
})

test.each([
  [['Dream'], 'dream', 'architectures', 'Dream'],
  [undefined, undefined, 'model_type', 'model_type'],
])('architectures %j and model_type %j are unknown', async (architectures, model_type, field, word) => {
  const json = { ...config, architectures, model_type } as unknown as JsonObject
  await expect(describeModel(json, nowhere)).rejects.toMatchObject({
    ...{ name: 'ConfigError', code: 'ARCHITECTURE_UNKNOWN', field },
    message: expect.stringContaining(word),
    expected: expect.arrayContaining(['LlamaForCausalLM']),
  })
})

test.each([
  ['LlamaForCausalLM', ['LlamaForCausalLM']],
  ['LLaMAForCausalLM', ['LLaMAForCausalLM', 'LlamaForCausalLM']],
  ['GPT2Model', ['GPT2Model', 'GPT2ForCausalLM', 'GPT2LMHeadModel']],
])('%s is looked up as %j', (name, spellings) => {
  expect(spellingsOf(name)).toEqual(spellings)
})

test('a definition of another version is refused before its names are taken', () => {
  const later = { ...llama, names: ['LaterForCausalLM'], modelTypes: ['later'], specVersion: 2 }
  expect(() => registerArchitecture(later as unknown as Architecture)).toThrow(
    expect.objectContaining({ code: 'DEFINITION_INVALID', field: 'specVersion', found: 2 }),
  )
  expect(() => registerArchitecture({ ...llama, names: [], modelTypes: ['later'] })).not.toThrow()
})
