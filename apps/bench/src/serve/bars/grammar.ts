import { link, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createPrompts } from '../../measure/prompts.js'
import { median } from '../../measure/samples.js'
import { streamTogether } from '../streams.js'
import { judge } from '../verdict.js'
import { type Bar, inRounds, range, SHORT, serveCompiled, TOGETHER } from './common.js'

/** 11: answers that a schema describes. */
export const grammar: Bar = async ({ models, threads, vocabulary, ...options }) => {
  const prompt = createPrompts(vocabulary)
  const folder = await withEnd(models.fourBit)
  const properties = { text: { type: 'string', minLength: 400 } }
  const schema = { type: 'object', required: ['text'], additionalProperties: false, properties }
  const bound = {
    ...{ ignore_eos: false, logprobs: 0 },
    response_format: { type: 'json_schema', json_schema: { name: 'long', schema } },
  }
  try {
    await using server = await serveCompiled(folder, threads)
    const speed = async (more: object) => {
      const prompts = Array.from({ length: TOGETHER }, () => prompt(SHORT))
      return (await streamTogether(server.url, { prompts, tokens: 24, more })).tokensPerSecond
    }
    // The first grammar of a model makes the tree of its tokens.
    await speed(bound)
    const shares = await inRounds(
      options,
      [server],
      async () => (await speed(bound)) / (await speed({ logprobs: 0 })),
    )
    return [judge('11: eight streams, schema-bound over free', median(shares), { least: 0.9 }, range(shares))]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A folder of the same files that says which token ends an answer: what a schema describes has an end. */
async function withEnd(folder: string): Promise<string> {
  const made = await mkdtemp(`${folder}-end-`)
  for (const name of await readdir(folder)) await link(join(folder, name), join(made, name))
  await rm(join(made, 'generation_config.json'), { force: true })
  await writeFile(join(made, 'generation_config.json'), '{"eos_token_id": 2}')
  return made
}
