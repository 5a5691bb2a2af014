import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { testFolder, tinyConfig, writeTinyModel } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import {
  AutoModelForCausalLM,
  type CausalLM,
  type GeneratedPiece,
  type GenerateOptions,
  recipe,
} from './index.js'
import { golden } from './testing/golden.fixture.js'

/** Drafts change how fast tokens come, and not which ones. */

const folder = testFolder()

const LOOKUP = { promptLookupNumTokens: 6 } as const

async function ids(model: CausalLM, inputIds: readonly number[], options: GenerateOptions = {}) {
  const tokens: number[] = []
  const settings = { maxNewTokens: 60, temperature: 0, ignoreEos: true, ...options }
  for await (const { tokenId } of model.generate({ inputIds }, settings)) tokens.push(tokenId)
  return tokens
}

/** A text that says everything twice, then begins again; with another token in the middle. */
function repeating(seed: number, vocabulary: number): number[] {
  const sentence = Array.from({ length: 14 }, (_, at) => 3 + ((at * at * 7 + seed * 11) % (vocabulary - 3)))
  return [...sentence, ...sentence.with(9, 2), ...sentence.slice(0, 5)]
}

describe.each(['llama', 'mistral-window', 'gemma3_text', 'qwen3_moe', 'gpt_oss'])(
  'golden architecture %s',
  (name) => {
    test('writes the same tokens with drafts of its text, of itself and of a model that is mostly wrong', async () => {
      const path = golden(`architectures/${name}`)
      await using model = await AutoModelForCausalLM.fromPretrained(path, { compute: 'exact' })
      await using twin = await AutoModelForCausalLM.fromPretrained(path, { compute: 'exact' })
      const config = tinyConfig(JSON.parse(await readFile(join(path, 'config.json'), 'utf8')), {
        vocabulary: Number(model.config.vocab_size),
      })
      const other = await writeTinyModel(join(folder, name), config)
      await using stranger = await AutoModelForCausalLM.fromPretrained(other)
      const prompt = repeating(1, Number(model.config.vocab_size))
      const wanted = await ids(model, prompt)
      expect(await ids(model, prompt, LOOKUP)).toEqual(wanted)
      expect(await ids(model, prompt, { assistantModel: twin })).toEqual(wanted)
      expect(await ids(model, prompt, { assistantModel: stranger })).toEqual(wanted)
    })
  },
)

describe.each(['int8-dynamic-act-int8-weight', 'rtn-int4', 'int4-weight-only', 'nf4'])(
  'the demo model in %s',
  (method) => {
    test('writes the same tokens with drafts, greedily and at random, alone and beside others', async () => {
      const quantizationConfig = await recipe(method)
      await using model = await AutoModelForCausalLM.fromPretrained(demoModel, { quantizationConfig })
      const prompts = [1, 2, 3].map((seed) => repeating(seed, 900))
      for (const options of [
        {},
        { temperature: 0.8, seed: 5 },
        { repetitionPenalty: 1.3, minNewTokens: 8 },
      ]) {
        const wanted: number[][] = []
        for (const prompt of prompts) wanted.push(await ids(model, prompt, options))
        const drafted = { ...options, ...LOOKUP }
        expect(await ids(model, prompts[0]!, drafted)).toEqual(wanted[0])
        expect(await Promise.all(prompts.map((prompt) => ids(model, prompt, drafted)))).toEqual(wanted)
      }
    })
  },
)

describe('the demo model', () => {
  /** Everything about an answer that an application sees, except for what it found in the cache. */
  async function said(model: CausalLM, text: string, options: GenerateOptions) {
    const pieces: GeneratedPiece[] = []
    const settings = { maxNewTokens: 60, temperature: 0, ...options }
    for await (const { usage, ...piece } of model.generate(text, settings)) {
      pieces.push(piece)
      if (usage !== undefined) expect(usage.completionTokens).toBe(pieces.length)
    }
    return pieces
  }
  const story = 'Lily had a red ball. Lily had a red ball. Lily had a red'

  test('streams, stops and ends in the middle of an accepted draft as it does without one', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(demoModel)
    await using twin = await AutoModelForCausalLM.fromPretrained(demoModel)
    const plain = await said(model, story, {})
    const text = plain.map((piece) => piece.text).join('')
    const stop = text.slice(20, 24)
    const ways: readonly GenerateOptions[] = [
      {},
      { stop },
      { eosTokenId: plain[10]!.tokenId },
      { maxNewTokens: 9 },
      { noRepeatNgramSize: 3 },
      { badWordsIds: [[plain[5]!.tokenId]], minNewTokens: 30 },
      { forcedEosTokenId: 7, maxNewTokens: 11 },
    ]
    for (const options of ways) {
      const wanted = await said(model, story, options)
      expect(await said(model, story, { ...options, ...LOOKUP })).toEqual(wanted)
      expect(await said(model, story, { ...options, assistantModel: twin })).toEqual(wanted)
    }
  })

  test('ends between two tokens of an accepted draft when it is aborted, and goes on from what was read', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(demoModel)
    await using assistantModel = await AutoModelForCausalLM.fromPretrained(demoModel)
    const wanted = await said(model, story, {})
    const abort = new AbortController()
    const pieces: GeneratedPiece[] = []
    const options = { maxNewTokens: 60, temperature: 0, assistantModel, signal: abort.signal }
    const aborted = async () => {
      for await (const piece of model.generate(story, options)) {
        pieces.push(piece)
        if (pieces.length === 4) abort.abort(new Error('enough'))
      }
    }
    await expect(aborted()).rejects.toThrow('enough')
    expect(pieces).toEqual(wanted.slice(0, 4))
    expect(await said(model, story, LOOKUP)).toEqual(wanted)
  })

  test('refuses a draft of another vocabulary, what is no model, and two sources of drafts', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(demoModel)
    await using other = await AutoModelForCausalLM.fromPretrained(golden('architectures/llama'))
    const refused = (options: object) => ids(model, [1, 2, 3], options)
    await expect(refused({ assistantModel: other })).rejects.toMatchObject({
      code: 'ASSISTANT_VOCABULARY',
      field: 'assistantModel',
      hint: expect.stringContaining('same tokenizer'),
    })
    const invalid = { code: 'GENERATION_OPTION_INVALID', field: 'assistantModel' }
    await expect(refused({ assistantModel: demoModel })).rejects.toMatchObject(invalid)
    await expect(refused({ assistantModel: model, ...LOOKUP })).rejects.toMatchObject(invalid)
    await expect(refused({ promptLookupNumTokens: -1 })).rejects.toMatchObject({
      code: 'GENERATION_OPTION_INVALID',
      field: 'promptLookupNumTokens',
    })
  })
})
