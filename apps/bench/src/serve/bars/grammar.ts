import { link, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createPrompts } from '../../compare/prompts.js'
import { streamTogether } from '../streams.js'
import { judge } from '../verdict.js'
import { type Bar, median, range, SHORT, serve, TOGETHER } from './common.js'

/** 11: answers that a schema describes. */
export const grammar: Bar = async ({ models, threads, rounds, vocabulary }) => {
  const prompt = createPrompts(vocabulary)
  const folder = await withEnd(models.fourBit)
  const server = await serve(folder, threads)
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
    await rm(folder, { recursive: true, force: true })
  }
  return [judge('11: eight streams, schema-bound over free', median(shares), { least: 0.9 }, range(shares))]
}

/** A folder of the same files that says which token ends an answer: what a schema describes has an end. */
async function withEnd(folder: string): Promise<string> {
  const made = await mkdtemp(`${folder}-end-`)
  for (const name of await readdir(folder)) await link(join(folder, name), join(made, name))
  await rm(join(made, 'generation_config.json'), { force: true })
  await writeFile(join(made, 'generation_config.json'), '{"eos_token_id": 2}')
  return made
}
