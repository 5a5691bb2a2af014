import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError, quote, readJsonFile } from '@hfquant/core/runtime'
import type { CausalLM, Tokenizer } from '@hfquant/transformers'
import {
  checkCount,
  type GenerationArguments,
  readGenerationArguments,
  type TextGenerationOptions,
} from './generation-arguments.js'
import type { Loaded } from './loaded.js'
import { runTogether } from './run-together.js'

/** A message of a conversation. */
export interface ChatMessage {
  readonly role: string
  readonly content: unknown
  readonly [key: string]: unknown
}

export type Chat = readonly ChatMessage[]

/** A text, with its answer behind it. */
export interface GeneratedText {
  readonly generated_text: string
}

/** A conversation, with the answer as its last message. */
export interface GeneratedChat {
  readonly generated_text: (ChatMessage | { readonly role: 'assistant'; readonly content: string })[]
}

/** Continues texts, and answers conversations; of each a list with as many answers as were asked for. */
export interface TextGeneration {
  (text: string, options?: TextGenerationOptions): Promise<GeneratedText[]>
  (texts: readonly string[], options?: TextGenerationOptions): Promise<GeneratedText[][]>
  (chat: Chat, options?: TextGenerationOptions): Promise<GeneratedChat[]>
  (chats: readonly Chat[], options?: TextGenerationOptions): Promise<GeneratedChat[][]>
}

type Input = string | Chat

/** What is continued, and its tokens. */
interface Prompt {
  readonly input: Input
  readonly ids: readonly number[]
}

export function textGeneration(loaded: Loaded<CausalLM>): TextGeneration {
  let edges: Promise<boolean> | undefined
  const generate = async (
    given: Input | readonly string[] | readonly Chat[],
    options?: TextGenerationOptions,
  ) => {
    const { inputs, isBatched } = readInputs(given)
    const read = readGenerationArguments(options)
    if (read.streamer !== undefined && inputs.length * read.count > 1)
      throw severalStreams(inputs.length * read.count)
    edges ??= namesEdges(loaded.folder)
    const addSpecialTokens = read.addSpecialTokens ?? (await edges)
    checkCount(read.count, await loaded.model.generationConfig(read.generation))
    const prompts: Prompt[] = []
    for (const input of inputs) {
      const ids = await promptOf(input, loaded.tokenizer, { ...read, addSpecialTokens })
      prompts.push({ input, ids })
    }
    const texts = await runTogether(
      prompts.flatMap((prompt) =>
        Array.from({ length: read.count }, (_, index) => ({ prompt, settings: seeded(read, index) })),
      ),
      ({ prompt, settings }, signal) => answer(loaded.model, prompt.ids, { ...settings, signal }),
      read.signal,
    )
    const generated = prompts.map((prompt, index) =>
      texts
        .slice(index * read.count, (index + 1) * read.count)
        .map((text) => asGenerated(prompt, text, loaded.tokenizer, read)),
    )
    return isBatched ? generated : generated[0]!
  }
  return generate as TextGeneration
}

/** @throws ConfigError PROMPT_TYPE. */
function readInputs(given: unknown): { readonly inputs: readonly Input[]; readonly isBatched: boolean } {
  if (typeof given === 'string') return { inputs: [given], isBatched: false }
  if (isChat(given)) return { inputs: [given], isBatched: false }
  const list: readonly unknown[] = Array.isArray(given) ? given : []
  const areTexts = list.length > 0 && list.every((one) => typeof one === 'string')
  if (areTexts || (list.length > 0 && list.every(isChat))) {
    return { inputs: list as readonly Input[], isBatched: true }
  }
  throw new ConfigError('PROMPT_TYPE', `the input is ${quote(given)}, expected texts or conversations`, {
    field: 'texts',
    found: given,
    hint: 'Pass a string, a list of { role, content }, or a list of strings or of such lists.',
  })
}

const isChat = (value: unknown): value is Chat =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every(
    (message) => typeof message === 'object' && message !== null && 'role' in message && 'content' in message,
  )

function asGenerated(
  { input, ids }: Prompt,
  text: string,
  tokenizer: Tokenizer,
  { returnFullText }: GenerationArguments,
): GeneratedText | GeneratedChat {
  if (typeof input !== 'string') return { generated_text: [...input, { role: 'assistant', content: text }] }
  return { generated_text: (returnFullText ? tokenizer.decode(ids) : '') + text }
}

/** Answers to one prompt differ: each has a seed of its own. */
const seeded = (read: GenerationArguments, index: number): GenerationArguments => {
  const { seed } = read.generation
  return seed === undefined ? read : { ...read, generation: { ...read.generation, seed: seed + index } }
}

async function promptOf(
  input: Input,
  tokenizer: Tokenizer,
  { chat, addSpecialTokens = false, signal }: GenerationArguments,
): Promise<number[]> {
  if (typeof input === 'string') return tokenizer.encodeAsync(input, { addSpecialTokens, signal })
  const { tools, documents, chat_template, tokenizer_encode_kwargs: variables } = chat
  return tokenizer.encodeChatAsync(input as Parameters<Tokenizer['encodeChatAsync']>[0], {
    ...{ addGenerationPrompt: true, signal },
    ...(tools && { tools }),
    ...(documents && { documents }),
    ...(chat_template != null && { chatTemplate: chat_template }),
    ...(variables && { variables }),
  })
}

/** The text behind the prompt. */
async function answer(
  model: CausalLM,
  inputIds: readonly number[],
  { generation, streamer, signal }: GenerationArguments,
): Promise<string> {
  streamer?.put([inputIds.map(BigInt)])
  let text = ''
  for await (const piece of model.generate({ inputIds }, { ...generation, signal })) {
    text += piece.text
    streamer?.put([[BigInt(piece.tokenId)]])
  }
  streamer?.end()
  return text
}

/** Whether tokenizer_config.json wants tokens around texts: without a word of it, texts have none, as in that library. */
async function namesEdges(folder: string): Promise<boolean> {
  const path = join(folder, 'tokenizer_config.json')
  if (!existsSync(path)) return false
  const { add_bos_token, add_eos_token } = (await readJsonFile(path)).value
  return add_bos_token === true || add_eos_token === true
}

const severalStreams = (count: number): ConfigError =>
  new ConfigError('OPTION_VALUE', `streamer is given for ${count} answers, expected one`, {
    ...{ field: 'streamer', found: count, expected: 1 },
    hint: 'Call once for each text.',
  })
