import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { demoModel } from './demo/index.js'
import { AutoModelForCausalLM, type GenerationOptions } from './index.js'

const root = await mkdtemp(join(tmpdir(), 'hfquant-settings-'))
afterAll(() => rm(root, { recursive: true, force: true }))

async function demoWith(settings: object): Promise<string> {
  const folder = await mkdtemp(join(root, 'model-'))
  await cp(demoModel, folder, { recursive: true })
  await writeFile(join(folder, 'generation_config.json'), JSON.stringify(settings))
  return folder
}

async function generated(folder: string, options: GenerationOptions = {}) {
  await using model = await AutoModelForCausalLM.fromPretrained(folder)
  const ids: number[] = []
  for await (const { tokenId } of model.generate('One morning', { maxNewTokens: 12, ...options }))
    ids.push(tokenId)
  return { ids, warnings: model.warnings }
}

const plain = await generated(await demoWith({}))

describe('settings in generation_config.json', () => {
  it('decide about single tokens; of those that are not offered, the model has a warning', async () => {
    const [first, second] = plain.ids
    const { ids, warnings } = await generated(
      await demoWith({
        ...{ suppress_tokens: [second], begin_suppress_tokens: [first], forced_eos_token_id: 5 },
        num_beams: 4,
      }),
    )
    expect(ids).toHaveLength(12)
    expect(ids).not.toContain(second)
    expect(ids[0]).not.toBe(first)
    expect(ids.at(-1)).toBe(5)
    expect(warnings).toEqual([expect.stringContaining('num_beams to 4')])
  })

  it('give way to those of the call', async () => {
    const folder = await demoWith({ suppress_tokens: [plain.ids[0]] })
    expect((await generated(folder, { suppressTokens: [] })).ids).toEqual(plain.ids)
  })

  it('are known before anything is generated', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(
      await demoWith({ top_k: 7, max_new_tokens: 30 }),
    )
    expect(await model.generationConfig({ temperature: 0.5 })).toMatchObject({
      ...{ doSample: true, temperature: 0.5, topK: 7, maxNewTokens: 30 },
    })
    await expect(model.generationConfig({ topP: 2 })).rejects.toMatchObject({ field: 'topP' })
  })

  it('keep the end away until there are enough tokens', async () => {
    const end = plain.ids[3]!
    const folder = await demoWith({ eos_token_id: end, min_new_tokens: 8 })
    expect((await generated(folder, { minNewTokens: 0 })).ids).toEqual(
      plain.ids.slice(0, plain.ids.indexOf(end) + 1),
    )
    expect((await generated(folder)).ids.slice(0, 8)).not.toContain(end)
  })
})
