import { cp, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { JsonObject } from '@hfquant/core'
import { AutoModelForCausalLM } from 'hfquant'
import { type Expected, inRows, readExpected } from './expected.js'

/** A model to be exported, and what a library that loads it should compute. */
export interface ExportCase {
  readonly title: string
  /** With a tokenizer. */
  readonly folder: string
  readonly expected: Expected
}

/** What became of an exported model. */
export interface Verdict {
  readonly title: string
  readonly state: 'same' | 'different' | 'refused'
  /** Why it is not the same. */
  readonly reason?: string
  /** Largest error of a logit, as a share of the largest one. */
  readonly error?: number
}

export const readConfig = async (folder: string): Promise<JsonObject> =>
  JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))

/** A folder that the Python library wrote, with what it computed. */
export async function goldenCase(from: string, work: string): Promise<ExportCase> {
  const folder = join(work, basename(from))
  await cp(from, folder, { recursive: true })
  await addTokenizer(folder)
  return { title: basename(from), folder, expected: await readExpected(from) }
}

/** A folder whose logits are taken from hfquant itself. */
export async function ownCase(title: string, folder: string): Promise<ExportCase> {
  const vocabulary = await addTokenizer(folder)
  const sequences = [1, 2].map((seed) =>
    Array.from({ length: 24 }, (_, at) => 2 + ((at * (7 + seed) + 13 * seed) % (vocabulary - 2))),
  )
  await using model = await AutoModelForCausalLM.fromPretrained(folder, { compute: 'exact' })
  const { logits } = await model.forward({ inputIds: sequences })
  const greedy = sequences[0]!.slice(0, 8)
  const options = { maxNewTokens: 16, temperature: 0, ignoreEos: true }
  for await (const { tokenId } of model.generate({ inputIds: [...greedy] }, options)) greedy.push(tokenId)
  return { title, folder, expected: { sequences, logits: inRows(logits, sequences), greedy } }
}

/** Tiny models come without a tokenizer, and llama.cpp loads none without: `<s>`, `</s>`, `t2`, `t3`, … */
async function addTokenizer(folder: string): Promise<number> {
  const size = Number((await readConfig(folder)).vocab_size)
  const added_tokens = ['<s>', '</s>'].map((content, id) => ({ id, content, special: true }))
  const vocab = Object.fromEntries(
    Array.from({ length: size }, (_, id) => [added_tokens[id]?.content ?? `t${id}`, id]),
  )
  const pre_tokenizer = { type: 'ByteLevel', add_prefix_space: false, use_regex: true }
  const tokenizer = { added_tokens, pre_tokenizer, model: { type: 'BPE', vocab, merges: [] } }
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer))
  return size
}

/** Tokens as far as a library decodes them: it stops at the end token. */
export function untilEnd(tokens: readonly number[], endToken = 1): readonly number[] {
  const end = tokens.indexOf(endToken)
  return end < 0 ? tokens : tokens.slice(0, end + 1)
}

/** What is refused because a format has no place for it, and nothing else. */
export function refusal(title: string, error: unknown): Verdict {
  const { code = '', message } = error as { readonly code?: string; readonly message: string }
  const state = /^EXPORT_(ARCHITECTURE|VARIANT)$/.test(code) ? 'refused' : 'different'
  return { title, state, reason: message }
}
