import { join } from 'node:path'
import { testFolder } from '@hfquant/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForTokenClassification,
  AutoTokenizer,
  type BaseEncoder,
  type CausalLM,
  compileModel,
  exportModel,
  inspectModel,
  listCompiledModels,
  pipeline,
  pruneCompiledModels,
  quantizeModel,
  recipe,
  removeCompiledModels,
  resolveModel,
  type TokenClassifier,
  type Tokenizer,
} from './index.js'
import { encoderFolder } from './testing/encoder-folder.fixture.js'

/** Options that are no object, and names that nobody knows, are refused everywhere: they would be left out without a word. */

const root = testFolder()
const out = join(root, 'out')
let model: CausalLM
let encoder: BaseEncoder
let classifier: TokenClassifier
let tokenizer: Tokenizer
beforeAll(async () => {
  model = await AutoModelForCausalLM.fromPretrained(demoModel)
  encoder = await AutoModel.fromPretrained(encoderFolder(root, 'bert'))
  classifier = await AutoModelForTokenClassification.fromPretrained(encoderFolder(root, 'bert-token'))
  tokenizer = await AutoTokenizer.fromPretrained(demoModel)
})
afterAll(() => Promise.all([model.dispose(), encoder.dispose(), classifier.dispose()]))

const message = { role: 'user', content: 'Once' }
const chatTemplate = '{{ messages[0].content }}'

/** Functions with options, and a name like one of theirs. */
const CALLS: readonly (readonly [
  name: string,
  call: (options: never) => unknown,
  misspelt: string,
  known: string,
])[] = [
  [
    'fromPretrained',
    (options) => AutoModelForCausalLM.fromPretrained(demoModel, options),
    'kv_cache_dtype',
    'kvCacheDtype',
  ],
  [
    'AutoTokenizer.fromPretrained',
    (options) => AutoTokenizer.fromPretrained(demoModel, options),
    'revison',
    'revision',
  ],
  ['resolveModel', (options) => resolveModel(demoModel, options), 'local_files_only', 'localFilesOnly'],
  ['inspectModel', (options) => inspectModel(demoModel, options), 'signals', 'signal'],
  ['quantizeModel', (options) => quantizeModel(demoModel, out, options), 'dry_run', 'dryRun'],
  ['compileModel', (options) => compileModel(demoModel, options), 'thread', 'threads'],
  ['exportModel', (options) => exportModel(demoModel, out, options), '', ''],
  [
    'exportModel to ONNX',
    (options) => exportModel(demoModel, out, { format: 'onnx', ...(options as object) }),
    'name',
    'type',
  ],
  ['savePretrained', (options) => model.savePretrained(out, options), 'max_shard_bytes', 'maxShardBytes'],
  ['quantize', (options) => model.quantize('int8', options), 'abort', 'signal'],
  ['dequantize', (options) => model.dequantize(options), 'abort', 'signal'],
  ['generate', (options) => model.generate('Once', options).next(), 'max_new_tokens', 'maxNewTokens'],
  ['chat', (options) => model.chat([message], options).next(), '', ''],
  ['score', (options) => model.score('Once', options), 'topK', 'top'],
  ['perplexity', (options) => model.perplexity('Once upon', options), 'max_length', 'maxLength'],
  ['encode', (options) => encoder.encode(['a house'], options), 'max_length', 'maxLength'],
  ['embed', (options) => encoder.embed(['a house'], options), 'prompt_name', 'promptName'],
  ['classify', (options) => classifier.classify(['a house'], options), 'offset', 'offsets'],
  ['recipe', (options) => recipe('nf4', options), 'sequence_length', 'sequenceLength'],
  ['pipeline', (options) => pipeline('text-generation', demoModel, options), '', ''],
  [
    'encode of a tokenizer',
    (options) => tokenizer.encode('Once', options),
    'add_special_tokens',
    'addSpecialTokens',
  ],
  ['encodeAsync', (options) => tokenizer.encodeAsync('Once', options), 'truncate_to', 'truncateTo'],
  [
    'encodePairAsync',
    (options) => tokenizer.encodePairAsync('Once', 'upon', options),
    'truncate_to',
    'truncateTo',
  ],
  ['decode', (options) => tokenizer.decode([5], options), 'skip_special_tokens', 'skipSpecialTokens'],
  [
    'applyChatTemplate',
    (options) => tokenizer.applyChatTemplate([message], options),
    'add_generation_prompt',
    'addGenerationPrompt',
  ],
  [
    'encodeChatAsync',
    (options) => tokenizer.encodeChatAsync([message], { chatTemplate, ...(options as object) }),
    'continue_final_message',
    'continueFinalMessage',
  ],
]

/** What a call fails with, at once or later. */
const failure = async (call: (options: never) => unknown, options: unknown) => {
  try {
    return await call(options as never)
  } catch (error) {
    return error
  }
}

describe('options', () => {
  const whole = CALLS.filter(([name]) => !['exportModel to ONNX', 'encodeChatAsync'].includes(name))
  test.each(whole)('of %s are an object', async (_name, call) => {
    for (const options of [null, 'fast', []]) {
      expect(await failure(call, options)).toMatchObject({ name: 'ConfigError', code: 'OPTIONS_TYPE' })
    }
  })

  const named = CALLS.filter(([, , misspelt]) => misspelt !== '')
  test.each(named)('of %s are known ones', async (_name, call, misspelt, known) => {
    expect(await failure(call, { [misspelt]: undefined })).toMatchObject({
      code: expect.stringContaining('OPTION_UNKNOWN'),
      hint: expect.stringContaining(`Did you mean "${known}"?`),
    })
  })
})

describe('a quantizationConfig', () => {
  test.each([
    ['nf4', 'await recipe("nf4")'],
    [recipe('nf4'), "await recipe('nf4')"],
  ])('that is no config, but %j, says how to get one', async (quantizationConfig, hint) => {
    const load = AutoModelForCausalLM.fromPretrained(demoModel, { quantizationConfig } as never)
    await expect(load).rejects.toMatchObject({
      ...{
        code: 'QUANTIZATION_CONFIG_TYPE',
        field: 'quantizationConfig',
        hint: expect.stringContaining(hint),
      },
    })
  })
})

test.each([undefined, 4, 'NF4'])('%j is the name of no recipe', async (name) => {
  await expect(recipe(name as never)).rejects.toMatchObject({
    ...{ code: 'RECIPE_UNKNOWN', hint: expect.stringContaining('nf4') },
  })
})

test('what is no number of bytes, or no name, removes nothing of the cache', async () => {
  await compileModel(demoModel)
  for (const bytes of ['5GB', null, undefined, Number.NaN, -1]) {
    await expect(pruneCompiledModels(bytes as never)).rejects.toMatchObject({ code: 'OPTION_VALUE' })
  }
  for (const name of [undefined, null, 3]) {
    await expect(removeCompiledModels(name as never)).rejects.toMatchObject({
      code: 'COMPILED_MODEL_UNKNOWN',
    })
  }
  expect(await listCompiledModels()).toHaveLength(1)
})

test.each(['a house', null, undefined, 5])('texts to embed are a list, and not %j', async (texts) => {
  await expect(encoder.embed(texts as never)).rejects.toMatchObject({ code: 'INPUT_TYPE', field: 'texts' })
})

test.each([[5], ['a'], [undefined], [{}]])('ids to decode are a list, and not %j', (ids) => {
  expect(() => tokenizer.decode(ids as never)).toThrow(expect.objectContaining({ code: 'TOKEN_INVALID' }))
})
