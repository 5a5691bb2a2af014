import { describe, expect, it } from 'vitest'
import { framesOf, stubServer } from '../testing/test-server.fixture.js'

const COMPLETIONS = '/v1/completions'
const ask = (more: object) => ({
  model: 'stub',
  prompt: 'xyz',
  echo: true,
  logprobs: 1,
  max_tokens: 2,
  ...more,
})

interface Choice {
  readonly index: number
  readonly text: string
  readonly logprobs: Readonly<Record<string, readonly unknown[]>> | null
  readonly finish_reason: string | null
}

describe('an echo with log-probabilities', () => {
  it('tells how likely the prompt is, from its second token on, and then the answer', async () => {
    await using stub = await stubServer({ pieces: ['He', 'y', ''] })
    const { choices, usage } = (await stub.post(COMPLETIONS, ask({}))).json()
    expect(choices).toMatchObject([{ text: 'xyzHey', finish_reason: 'length' }])
    expect(choices[0].logprobs).toMatchObject({
      token_logprobs: [null, -1, -2, -1, -2],
      text_offset: [0, 1, 2, 3, 5],
    })
    expect(choices[0].logprobs.top_logprobs[0]).toBeNull()
    expect(usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 2 })
  })

  it('may be all that is asked for', async () => {
    await using stub = await stubServer()
    const { choices, usage } = (
      await stub.post(COMPLETIONS, ask({ max_tokens: 0, prompt: ['xyz', 'x'] }))
    ).json()
    expect(choices.map(({ text }: Choice) => text)).toEqual(['xyz', 'x'])
    expect(choices.map(({ logprobs }: Choice) => logprobs!.token_logprobs)).toEqual([[null, -1, -2], [null]])
    expect(choices.map((one: Choice) => one.finish_reason)).toEqual(['length', 'length'])
    expect(usage).toMatchObject({ prompt_tokens: 4, completion_tokens: 0 })
    expect(stub.watch.options).toEqual([])
    expect((await stub.get('/metrics')).body).not.toMatch(/generation_tokens_total\{[^}]*\} [1-9]/)
    const whole = await stub.post(COMPLETIONS, ask({ max_tokens: 0, prompt: 'x'.repeat(2048) }))
    expect(whole.statusCode).toBe(200)
  })

  it('begins a stream, in each choice', async () => {
    await using stub = await stubServer({ pieces: ['He', 'y', ''] })
    const { body } = await stub.post(COMPLETIONS, ask({ stream: true, n: 2 }))
    const frames = framesOf(body).slice(0, -1) as { choices: Choice[] }[]
    const ofSecond = frames.map(({ choices }) => choices[0]!).filter(({ index }) => index === 1)
    expect(ofSecond.map(({ text }) => text)).toEqual(['xyz', 'He', 'y', ''])
    expect(ofSecond[0]!.logprobs).toMatchObject({ token_logprobs: [null, -1, -2] })
    expect(ofSecond[1]!.logprobs).toMatchObject({ text_offset: [3] })
  })

  it.each([
    ['no tokens without log-probabilities', { max_tokens: 0, logprobs: null }, 'max_tokens'],
    ['no tokens without an echo', { max_tokens: 0, echo: false }, 'max_tokens'],
    ['a prompt that is too long to be scored', { prompt: 'x'.repeat(2049) }, 'prompt'],
  ])('is refused for %s', async (_, more, param) => {
    await using stub = await stubServer()
    const answer = await stub.post(COMPLETIONS, ask(more))
    expect([answer.statusCode, answer.json().error]).toMatchObject([400, { code: 'invalid_value', param }])
  })
})
