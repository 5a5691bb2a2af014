import { createPrompts } from '../../compare/prompts.js'
import { streamTogether } from '../streams.js'
import { judge } from '../verdict.js'
import { type Bar, median, range, SHORT, serve, TOGETHER } from './common.js'

/** 11: answers that a schema describes. */
export const grammar: Bar = async ({ models, threads, rounds, vocabulary }) => {
  const prompt = createPrompts(vocabulary)
  const server = await serve(models.fourBit, threads)
  const shares: number[] = []
  const properties = { text: { type: 'string', minLength: 400 } }
  const schema = { type: 'object', required: ['text'], additionalProperties: false, properties }
  const bound = {
    ...{ ignore_eos: false, logprobs: 0 },
    response_format: { type: 'json_schema', json_schema: { name: 'long', schema } },
  }
  try {
    for (let round = 0; round < rounds + 1; round++) {
      const prompts = () => Array.from({ length: TOGETHER }, () => prompt(SHORT))
      const constrained = await streamTogether(server.url, { prompts: prompts(), tokens: 24, more: bound })
      const free = await streamTogether(server.url, { prompts: prompts(), tokens: 24, more: { logprobs: 0 } })
      // The first grammar of a model makes the tree of its tokens.
      if (round > 0) shares.push(constrained.tokensPerSecond / free.tokensPerSecond)
    }
  } finally {
    await server.stop()
  }
  return [judge('11: eight streams, schema-bound over free', median(shares), { least: 0.9 }, range(shares))]
}
