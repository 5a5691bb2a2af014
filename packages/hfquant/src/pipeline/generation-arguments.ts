import { ConfigError, checkOptions, closestName } from '@hfquant/core/runtime'
import { type GenerationOptions, generationOptionNames } from '@hfquant/transformers'
import { type CallOptions, checkOption, checkSignal } from './call-options.js'
import type { Streamer } from './text-streamer.js'

/** What turns a list of names with capitals into one with underscores. */
type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? First extends Lowercase<First>
    ? `${First}${SnakeCase<Rest>}`
    : `_${Lowercase<First>}${SnakeCase<Rest>}`
  : Name

/** Options of generation by the names of generation_config.json. */
export type SnakeCaseGenerationOptions = {
  readonly [Name in keyof GenerationOptions as SnakeCase<Name>]?: GenerationOptions[Name]
}

export interface TextGenerationOptions extends Omit<SnakeCaseGenerationOptions, 'stop'>, CallOptions {
  readonly stop_strings?: string | readonly string[] | undefined
  /** How many answers to each text; more than 1 takes `do_sample`. */
  readonly num_return_sequences?: number | undefined
  /** Of a text: whether the answer begins with it; default true. */
  readonly return_full_text?: boolean | undefined
  /** Whether the tokens that begin or end texts are put around it; default: as tokenizer_config.json says, or not. */
  readonly add_special_tokens?: boolean | undefined
  readonly tools?: readonly { readonly [key: string]: unknown }[] | null | undefined
  readonly documents?: readonly { readonly [key: string]: unknown }[] | null | undefined
  /** The name of a chat template of the model, or a template. */
  readonly chat_template?: string | null | undefined
  /** Of a chat: variables of its template, such as `enable_thinking`. */
  readonly tokenizer_encode_kwargs?: { readonly [name: string]: unknown } | undefined
  /** Is told every token; of one text and one answer. */
  readonly streamer?: Streamer | null | undefined
}

/** The same, sorted by whom they are for. */
export interface GenerationArguments {
  readonly generation: GenerationOptions
  readonly count: number
  readonly returnFullText: boolean
  readonly addSpecialTokens: boolean | undefined
  readonly chat: Pick<
    TextGenerationOptions,
    'tools' | 'documents' | 'chat_template' | 'tokenizer_encode_kwargs'
  >
  readonly streamer: Streamer | undefined
  readonly signal: AbortSignal | undefined
}

/** Tokens of an answer where nobody says how many, as @huggingface/transformers has it. */
const MAX_NEW_TOKENS = 256

const NAMES = new Map(generationOptionNames.map((name) => [snakeCase(name), name]))
NAMES.delete('stop')
NAMES.set('stop_strings', 'stop')

/** Searches that keep several answers at a time are not offered; their options may say that there is one. */
const OF_SEARCHES = ['num_beams', 'num_beam_groups']

/** @throws ConfigError OPTIONS_TYPE; OPTION_UNKNOWN with the likeliest name; OPTION_VALUE. What is generated with checks the rest. */
export function readGenerationArguments(options: TextGenerationOptions = {}): GenerationArguments {
  checkOptions(options)
  const {
    num_return_sequences: count = 1,
    return_full_text = true,
    add_special_tokens,
    streamer,
    signal,
    ...others
  } = options
  const { tools, documents, chat_template, tokenizer_encode_kwargs, ...rest } = others
  checkSignal(signal)
  checkOption('streamer', streamer, streamer == null || isStreamer(streamer), 'an object with put and end')
  checkOption(
    'num_return_sequences',
    count,
    Number.isInteger(count) && count >= 1,
    'a whole number from 1 on',
  )
  const generation: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(rest)) {
    if (value === null || value === undefined) continue
    const own = NAMES.get(name)
    if (own !== undefined) generation[own] = value
    else if (!OF_SEARCHES.includes(name)) throw unknown(name)
    else checkOption(name, value, value === 1, '1: one answer is followed at a time')
  }
  return {
    generation: { maxNewTokens: MAX_NEW_TOKENS, ...generation },
    ...{ count, returnFullText: return_full_text, addSpecialTokens: add_special_tokens },
    chat: { tools, documents, chat_template, tokenizer_encode_kwargs },
    ...{ streamer: streamer ?? undefined, signal },
  }
}

/**
 * Answers to one text differ by chance alone.
 *
 * @param doSample what options and generation_config.json come to.
 * @throws ConfigError OPTION_VALUE.
 */
export function checkCount(count: number, { doSample }: { readonly doSample: boolean }): void {
  checkOption('num_return_sequences', count, count === 1 || doSample, '1 without do_sample')
}

const isStreamer = ({ put, end }: Partial<Streamer>): boolean =>
  typeof put === 'function' && typeof end === 'function'

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function unknown(name: string): ConfigError {
  const known = [...NAMES.keys()]
  return new ConfigError('OPTION_UNKNOWN', `there is no option "${name}"`, {
    field: name,
    expected: known,
    hint: `Did you mean "${closestName(name, known)}"? Options have the names of generation_config.json.`,
  })
}
