import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { testFolder } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import { AutoModelForCausalLM, type CausalLM, cacheFolder, listCompiledModels, recipe } from './index.js'
import { golden } from './testing/golden.fixture.js'

/** Many sequences at once, and prompts that begin alike: nobody's answer depends on who else is there. */

const folder = testFolder()

const MAX_NEW_TOKENS = 24
const prompt = (length: number, seed: number, vocabulary = 60) =>
  Array.from({ length }, (_, index) => 3 + ((index * 7 + seed * 11) % vocabulary))

async function answer(model: CausalLM, inputIds: readonly number[], signal?: AbortSignal): Promise<number[]> {
  const tokens: number[] = []
  const options = { maxNewTokens: MAX_NEW_TOKENS, temperature: 0, ignoreEos: true, signal }
  for await (const { tokenId } of model.generate({ inputIds }, options)) tokens.push(tokenId)
  return tokens
}

type LoadOptions = Parameters<typeof AutoModelForCausalLM.fromPretrained>[1]

/** What a model says that has seen nothing else. */
async function alone(path: string, options: LoadOptions, prompts: readonly number[][]) {
  const answers: number[][] = []
  for (const inputIds of prompts) {
    await using model = await AutoModelForCausalLM.fromPretrained(path, options)
    answers.push(await answer(model, inputIds))
  }
  return answers
}

describe.each(['llama', 'llama-tied-rope3', 'llama-bias'])('golden architecture %s', (name) => {
  test('sequences of different lengths together say what each says alone (exact)', async () => {
    const path = golden(`architectures/${name}`)
    const prompts = [1, 9, 4, 17].map((length, seed) => prompt(length, seed))
    await using model = await AutoModelForCausalLM.fromPretrained(path, { compute: 'exact' })
    const together = await Promise.all(prompts.map((inputIds) => answer(model, inputIds)))
    expect(together).toEqual(await alone(path, { compute: 'exact' }, prompts))
  })
})

describe.each([
  { name: 'int8-dynamic-act-int8-weight', memory: 'auto', isPaired: false },
  { name: 'int8-weight-only', memory: 'auto', isPaired: false },
  // Products of these compute two rows together in another way than one.
  { name: 'rtn-int4', memory: 'auto', isPaired: true },
  { name: 'rtn-int8', memory: 'auto', isPaired: true },
  { name: 'int4-weight-only', memory: 'auto', isPaired: true },
  { name: 'nf4', memory: 'low', isPaired: true },
] as const)('the demo model in $name, memory $memory', ({ name, memory, isPaired }) => {
  const quantized = join(folder, name)
  const prompts = [40, 3, 25, 90, 65, 1].map((length, seed) => prompt(length, seed, 900))
  const make = async () => {
    const quantizationConfig = await recipe(name)
    await using model = await AutoModelForCausalLM.fromPretrained(demoModel, { quantizationConfig })
    await model.savePretrained(quantized)
  }

  test('sequences that come and go share runs without changing a token (fast)', async () => {
    await make()
    await using model = await AutoModelForCausalLM.fromPretrained(quantized, { memory })
    const wanted = await alone(quantized, { memory }, prompts)
    const abort = new AbortController()
    const late = new Promise((resolve) => setTimeout(resolve, 30))
    const [first, cancelled, ...others] = await Promise.all([
      answer(model, prompts[0]!),
      answer(model, prompt(200, 8), AbortSignal.any([abort.signal])).catch((error: unknown) => error),
      answer(model, prompts[1]!).finally(() => abort.abort(new Error('enough'))),
      late.then(() => answer(model, prompts[2]!)),
      late.then(() => answer(model, prompts[3]!)),
      answer(model, prompts[4]!),
      answer(model, prompts[5]!),
    ])
    expect([first, ...others]).toEqual(wanted)
    const [compiled] = (await listCompiledModels()).filter(({ source }) => source === quantized)
    const graph = readFileSync(join(cacheFolder(), 'artifacts', compiled!.id, 'model.onnx'))
    expect(graph.includes('paired_tokens')).toBe(isPaired)
    expect([MAX_NEW_TOKENS, 'enough']).toContain(
      cancelled instanceof Error ? cancelled.message : (cancelled as number[]).length,
    )
  })
})

describe('the demo model', () => {
  test('a conversation goes on from what was read before, with the same answer', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(demoModel, { compute: 'exact' })
    const opening = prompt(80, 1, 900)
    const reply = await answer(model, opening)
    const continued = [...opening, ...reply, ...prompt(10, 2, 900)]
    const branched = [...opening.slice(0, 50), ...prompt(20, 5, 900)]
    expect(await answer(model, continued)).toEqual(
      (await alone(demoModel, { compute: 'exact' }, [continued]))[0],
    )
    expect(await answer(model, branched)).toEqual(
      (await alone(demoModel, { compute: 'exact' }, [branched]))[0],
    )
    expect(await answer(model, opening)).toEqual(reply)
  })
})
