import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { logProbability } from '@hfquant/transformers'
import { afterAll, describe, expect, test } from 'vitest'
import { demoModel, storyList } from './demo/index.js'
import {
  AutoModelForCausalLM,
  AutoTokenizer,
  type CausalLM,
  type GeneratedPiece,
  type GenerateOptions,
} from './index.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-demo-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const model = await AutoModelForCausalLM.fromPretrained(demoModel, { compute: 'exact' })
const tokenizer = await AutoTokenizer.fromPretrained(demoModel)
afterAll(() => model.dispose())

async function write(prompt: string, options: Parameters<CausalLM['generate']>[1]): Promise<string> {
  let text = ''
  for await (const piece of model.generate(prompt, options)) text += piece.text
  return text
}

/** The reference: transformers 5.18 on PyTorch 2.13, float32. */
describe('the bundled model', () => {
  test('has the loss of the reference on the evaluation stories', async () => {
    let negative = 0
    let count = 0
    for (const story of storyList({ seed: 2, stories: 200 })) {
      const inputIds = [...tokenizer.encode(story), tokenizer.eosTokenId!]
      const { loss, tokens } = await model.perplexity({ inputIds })
      negative += loss * tokens
      count += tokens
    }
    expect(count).toBe(24198)
    expect(Math.abs(negative / count - 0.381351)).toBeLessThan(1e-4)
  })

  test('continues a story as the reference does', async () => {
    const story = await write('One morning a girl named Mina', { maxNewTokens: 140, temperature: 0 })
    const reference =
      ' got a black lamp from her teacher. Mina could not find her ladder, and she was sad. "Have you seen my ladder?" ' +
      'she asked Milan. "I think it is at the market," said Milan. They walked to the market together, and there was ' +
      'the ladder. Mina was happy again and thanked Milan. At the market she met a silver hen. The hen was hungry, so ' +
      'Mina gave it a cookie. "Thank you for the cookie," said the hen. "I will remember you." From that day the ' +
      'silver hen followed Mina everywhere. Mina went to sleep and dreamed of the'
    expect(story.slice(0, reference.length)).toBe(reference)
  })
})

describe('generation', () => {
  test('with a seed is repeatable, and another seed tells another story', async () => {
    const options = { maxNewTokens: 30, temperature: 1, seed: 7 }
    const story = await write('One day', options)
    expect(await write('One day', options)).toBe(story)
    expect(await write('One day', { ...options, seed: 8 })).not.toBe(story)
  })

  test('ends before a stop string, wherever the tokens are cut', async () => {
    const prompt = 'One morning a girl named Mina'
    expect(await write(prompt, { maxNewTokens: 60, temperature: 0, stop: 'Mina could' })).toBe(
      ' got a black lamp from her teacher. ',
    )
  })

  test('ends at the end token, or goes on past it on request', async () => {
    const ended = await write('One day', { maxNewTokens: 400, temperature: 0 })
    expect(tokenizer.encode(ended).length).toBeLessThan(350)
    let count = 0
    for await (const _ of model.generate('One day', { maxNewTokens: 400, temperature: 0, ignoreEos: true }))
      count += 1
    expect(count).toBe(400)
  })

  test('says with the last piece why it ended, and what it took', async () => {
    const inputIds = tokenizer.encode(
      'One day a boy named Finn went to the market. There he met a silver hen. The',
    )
    const end = async (options: GenerateOptions) => {
      const pieces: GeneratedPiece[] = []
      const settings = { maxNewTokens: 400, temperature: 0, ...options }
      for await (const piece of model.generate({ inputIds }, settings)) pieces.push(piece)
      const last = pieces.pop()!
      for (const piece of pieces) expect(Object.keys(piece)).toEqual(['text', 'tokenId'])
      expect(last.usage).toMatchObject({ promptTokens: inputIds.length, completionTokens: pieces.length + 1 })
      return { ...last, before: pieces }
    }
    const whole = await end({})
    expect(whole).toMatchObject({ finish: 'stop', text: '', tokenId: tokenizer.eosTokenId })
    expect(whole).not.toHaveProperty('stopString')
    expect(await end({ maxNewTokens: 9 })).toMatchObject({
      finish: 'length',
      tokenId: whole.before[8]!.tokenId,
      usage: { completionTokens: 9, cachedTokens: inputIds.length - 2 },
    })
    expect(await end({ stop: ['.', ' and'] })).toMatchObject({ finish: 'stop', stopString: '.' })
    expect(await end({ eosTokenId: whole.before[3]!.tokenId })).toMatchObject({
      finish: 'stop',
      text: '',
      tokenId: whole.before[3]!.tokenId,
    })
  })

  test('tells how likely its tokens were, and which others were', async () => {
    const prompt = 'One evening a boy'
    const inputIds = tokenizer.encode(prompt)
    const { logits, shape } = await model.forward({ inputIds: [inputIds] })
    const last = logits.subarray((inputIds.length - 1) * shape[2])
    for await (const piece of model.generate(prompt, {
      maxNewTokens: 1,
      logprobs: 3,
      logitBias: { 7: 100 },
    })) {
      expect(piece.tokenId).toBe(7)
      expect(piece.logprob).toBeCloseTo(logProbability(last, 7), 5)
      expect(piece.topLogprobs).toHaveLength(3)
      const [first] = piece.topLogprobs!
      expect(first!.tokenId).toBe(last.indexOf(Math.max(...last)))
      expect(first!.logprob).toBeCloseTo(logProbability(last, first!.tokenId), 5)
    }
  })

  test('says nothing twice, where that is asked for', async () => {
    const ids = async (options: GenerateOptions) => {
      const tokens: number[] = []
      const settings = { maxNewTokens: 60, temperature: 0, ignoreEos: true, ...options }
      for await (const { tokenId } of model.generate('The cat', settings)) tokens.push(tokenId)
      return tokens
    }
    expect(new Set(await ids({})).size).toBeLessThan(60)
    for (const options of [{ presencePenalty: 100 }, { frequencyPenalty: 100 }]) {
      expect(new Set(await ids(options)).size).toBe(60)
    }
    await expect(ids({ logitBias: { 5000: 1 } })).rejects.toMatchObject({ code: 'TOKEN_OUT_OF_RANGE' })
  })

  test('stops between two tokens when it is aborted', async () => {
    const stop = new AbortController()
    const reason = new Error('enough')
    let count = 0
    const generating = async () => {
      for await (const _ of model.generate('One day', {
        maxNewTokens: 100,
        temperature: 0,
        signal: stop.signal,
      })) {
        count += 1
        if (count === 3) stop.abort(reason)
      }
    }
    await expect(generating()).rejects.toBe(reason)
    expect(count).toBe(3)
  })

  test('of two prompts at once keeps them apart', async () => {
    const options = { maxNewTokens: 20, temperature: 0 }
    const alone = [await write('One day', options), await write('Late at night', options)]
    expect(await Promise.all([write('One day', options), write('Late at night', options)])).toEqual(alone)
  })

  test('gives the tokens that repeated forward passes give', async () => {
    const ids = tokenizer.encode('One evening a boy')
    const cached: number[] = []
    for await (const { tokenId } of model.generate({ inputIds: ids }, { maxNewTokens: 5, temperature: 0 }))
      cached.push(tokenId)
    for (const wanted of cached) {
      const { logits, shape } = await model.forward({ inputIds: [ids] })
      const last = logits.subarray((ids.length - 1) * shape[2])
      expect(last.indexOf(Math.max(...last))).toBe(wanted)
      ids.push(wanted)
    }
  })
})

test('perplexity in windows scores every token once, with more context for a smaller stride', async () => {
  const text = storyList({ seed: 2, stories: 6 }).join('\n\n')
  const whole = await model.perplexity(text)
  const wide = await model.perplexity(text, { maxLength: 64 })
  const narrow = await model.perplexity(text, { maxLength: 64, stride: 16 })
  expect([wide.tokens, narrow.tokens]).toEqual([whole.tokens, whole.tokens])
  expect(narrow.loss).toBeLessThan(wide.loss)
  expect(wide.perplexity).toBeCloseTo(Math.exp(wide.loss), 10)
})

describe('bad input is refused by name', () => {
  test.each([
    [{ inputIds: [] }, 'INPUT_EMPTY'],
    [{ inputIds: [[]] }, 'INPUT_EMPTY'],
    [{ inputIds: [[1, 2], [3]] }, 'INPUT_RAGGED'],
    [{ inputIds: [[1, 1024]] }, 'TOKEN_OUT_OF_RANGE'],
    [{ inputIds: [[1, -1]] }, 'TOKEN_OUT_OF_RANGE'],
    [{ inputIds: [[1.5]] }, 'TOKEN_OUT_OF_RANGE'],
    [{ inputIds: [Array(513).fill(1)] }, 'PROMPT_TOO_LONG'],
  ])('%j', async (input, code) => {
    await expect(model.forward(input)).rejects.toMatchObject({ name: 'ConfigError', code })
  })

  test('a prompt longer than the context', async () => {
    await expect(write('word '.repeat(2000), {})).rejects.toMatchObject({ code: 'PROMPT_TOO_LONG' })
  })

  test('an option that does not exist', async () => {
    await expect(write('x', { maxTokens: 3 } as never)).rejects.toMatchObject({
      hint: expect.stringContaining('maxNewTokens'),
    })
    await expect(
      AutoModelForCausalLM.fromPretrained(demoModel, { quantise: 'int8' } as never),
    ).rejects.toMatchObject({
      code: 'OPTION_UNKNOWN',
      field: 'quantise',
    })
  })

  test('use after disposal', async () => {
    const gone = await AutoModelForCausalLM.fromPretrained(demoModel)
    await gone.dispose()
    await gone.dispose()
    await expect(gone.forward({ inputIds: [[1]] })).rejects.toMatchObject({ code: 'MODEL_DISPOSED' })
    await expect(gone.savePretrained(join(folder, 'gone'))).rejects.toMatchObject({ code: 'MODEL_DISPOSED' })
  })
})

test('the event loop stays free while tokens are made', async () => {
  let beats = 0
  const timer = setInterval(() => {
    beats += 1
  }, 1)
  await write('One day', { maxNewTokens: 100, temperature: 0, ignoreEos: true })
  clearInterval(timer)
  // A thread that computes itself would not have let the timer fire once between two tokens.
  expect(beats).toBeGreaterThan(5)
})
