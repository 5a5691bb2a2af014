import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { AutoModelForCausalLM, type CausalLM, recipe } from 'hfquant'
import { BILLION } from '../make-checkpoint.js'
import { wholeNumber } from '../measure/arguments.js'
import { median } from '../measure/samples.js'
import { makeQuotingCheckpoint } from './quoting-checkpoint.js'

export const SPECULATION_USAGE = `  pnpm bench speculation FOLDER [--layers 22] [--recipe NAME] [--texts 20] [--tokens 96]
                                                      makes FOLDER unless it is there: a model that goes on from token
                                                      t with t + 1. Tokens per second with and without prompt lookup,
                                                      in turns, on texts that quote 20 of every 30 tokens from their
                                                      prompt, and on texts that quote nothing; time of 1 to 8 rows`

const OPTIONS = {
  layers: { type: 'string', default: String(BILLION.layers) },
  recipe: { type: 'string', default: 'rtn-int4' },
  texts: { type: 'string', default: '20' },
  tokens: { type: 'string', default: '96' },
} as const

/** Tokens of a passage that is quoted, and of one that is not, in turns. */
const [QUOTED, OWN] = [20, 10]

/** Measures prompt lookup, and prints tables. */
export async function measureSpeculation(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const [folder] = positionals
  if (folder === undefined) throw new TypeError(`FOLDER is missing\n${SPECULATION_USAGE}`)
  if (!existsSync(join(folder, 'model.safetensors'))) {
    await makeQuotingCheckpoint(folder, { ...BILLION, layers: wholeNumber('layers', values.layers) })
  }
  await using model = await AutoModelForCausalLM.fromPretrained(folder, {
    quantizationConfig: await recipe(values.recipe),
  })
  const [texts, tokens] = [wholeNumber('texts', values.texts), wholeNumber('tokens', values.tokens)]
  console.log(values.recipe)
  console.table(await timeOfRows(model))
  console.table([
    await compareTexts(model, texts, tokens, 'quote their prompt', quotingPrompt),
    await compareTexts(model, texts, tokens, 'quote nothing', plainPrompt),
  ])
}

/** Ends with a token whose continuation stands in the prompt, passage by passage in the other order, but for every tail. */
function quotingPrompt(text: number, tokens: number): number[] {
  const start = 100 + text * 1000
  const passages = Array.from({ length: Math.ceil(tokens / (QUOTED + OWN)) }, (_, passage) =>
    Array.from({ length: QUOTED }, (_, at) => start + passage * (QUOTED + OWN) + at),
  )
  return [...passages.reverse().flat(), 5, start]
}

/** As long, and nothing of it comes again. */
const plainPrompt = (text: number, tokens: number): number[] =>
  quotingPrompt(text, tokens).map((token, at, all) => (at === all.length - 1 ? token : token + 500))

async function compareTexts(
  model: CausalLM,
  texts: number,
  tokens: number,
  name: string,
  promptOf: (text: number, tokens: number) => number[],
) {
  const seconds = { without: [] as number[], with: [] as number[] }
  let equal = 0
  for (let text = 0; text < texts; text++) {
    const prompt = promptOf(text, tokens)
    const plain = await write(model, prompt, tokens, 0)
    const guessed = await write(model, prompt, tokens, 10)
    seconds.without.push(plain.seconds)
    seconds.with.push(guessed.seconds)
    equal += Number(plain.ids.join() === guessed.ids.join())
  }
  const ratios = seconds.without.map((value, text) => value / seconds.with[text]!)
  return {
    texts: name,
    'tokens/s without': rounded((tokens - 1) / median(seconds.without)),
    'with prompt lookup': rounded((tokens - 1) / median(seconds.with)),
    'median ratio': rounded(median(ratios)),
    'same tokens': `${equal} of ${texts}`,
  }
}

/** Seconds from the first token to the last. */
async function write(model: CausalLM, inputIds: number[], tokens: number, promptLookupNumTokens: number) {
  const ids: number[] = []
  let first = 0
  const options = { maxNewTokens: tokens, temperature: 0, ignoreEos: true, promptLookupNumTokens }
  for await (const { tokenId } of model.generate({ inputIds }, options)) {
    if (ids.length === 0) first = performance.now()
    ids.push(tokenId)
  }
  return { ids, seconds: (performance.now() - first) / 1000 }
}

/** Milliseconds of a run over so many tokens, their logits included, without a cache. */
async function timeOfRows(model: CausalLM) {
  const counts = [1, 2, 3, 4, 5, 6, 7, 8]
  const times = counts.map(() => [] as number[])
  for (let round = 0; round < 8; round++) {
    for (const [index, count] of counts.entries()) {
      const inputIds = [Array.from({ length: count }, (_, at) => 100 + at)]
      const start = performance.now()
      await model.forward({ inputIds })
      // What is laid out or allocated for a new number of rows is not what a run takes.
      if (round > 0) times[index]!.push(performance.now() - start)
    }
  }
  const one = median(times[0]!)
  return counts.map((rows, index) => ({
    rows,
    milliseconds: rounded(median(times[index]!)),
    'times one row': rounded(median(times[index]!) / one),
  }))
}

const rounded = (value: number): number => Math.round(value * 100) / 100
