import type { SharedV3Warning } from '@ai-sdk/provider'
import {
  type AnswerToken,
  type CausalLM,
  type ChatTemplateAsyncOptions,
  ConfigError,
  findAnswerFormat,
  type GenerationOptions,
  planAnswer,
  readAnswer,
  reasoningVariables,
  type Tokenizer,
} from 'hfquant'
import type { CallOptions } from './call-options.js'
import { readPrompt, type TemplateMessage } from './read-prompt.js'
import { readSettings } from './read-settings.js'
import { readTools } from './read-tools.js'
import type { LanguageModelSettings } from './settings.js'

/** An answer whose first token is there: what the model refuses has been refused. */
export interface BegunAnswer {
  /** Settings that are not honoured. */
  readonly warnings: SharedV3Warning[]
  /** To be read to its end, or returned: until then it has a place among the sequences of the model. */
  readonly tokens: AnswerTokens
}

export interface AnswerTokens extends AsyncIterableIterator<AnswerToken> {
  /** Ends the answer, whether or not any of it has been read. */
  return(): Promise<IteratorResult<AnswerToken>>
}

/** Tokens at the end of a prompt among which an opener of reasoning stands, if the template has written one. */
const ENDING_TOKENS = 32

/**
 * Takes a call to where its answer begins.
 *
 * @param load the model, which others may be waiting for as well.
 * @throws HfquantError as the library; errors of the AI SDK for what the library is not asked; the reason of the signal.
 */
export async function beginAnswer(
  options: CallOptions,
  { chatTemplate, toolFormat, reasoning = 'auto' }: LanguageModelSettings,
  load: (signal: AbortSignal | undefined) => Promise<CausalLM>,
): Promise<BegunAnswer> {
  const { abortSignal: signal, reasoning: effort = 'provider-default' } = options
  const warnings: SharedV3Warning[] = []
  const messages = readPrompt(options.prompt)
  const { generation, stop, responseFormat, parallelToolCalls, ...own } = readSettings(options, warnings)
  const tools = readTools(options, parallelToolCalls, warnings)
  const model = await load(signal)
  const { tokenizer, template, inputIds } = await writeConversation(messages, model, {
    ...{ chatTemplate, signal, variables: own.variables },
    tools: tools?.tools.map((tool) => ({ ...tool })),
    variablesOf: (text) => effortVariables(effort, text, warnings),
  })
  const plan = planAnswer({
    ...{ responseFormat, tools },
    format: findAnswerFormat(template, tokenizer, { toolFormat: toolFormat ?? 'auto', reasoning }),
    ending: tokenizer.decode(inputIds.slice(-ENDING_TOKENS), { skipSpecialTokens: false }),
  })
  const settings = await withLimit({ ...generation, ...(stop.length > 0 && { stop }) }, model)
  let cachedTokens = 0
  const pieces = model.generate(
    { inputIds },
    {
      ...{ ...settings, grammar: plan.grammar, keptTokenIds: plan.keptTokenIds, signal },
      ...(plan.readsStops && { stop: undefined }),
      onAdmitted: (admission) => {
        cachedTokens = admission.cachedTokens
      },
    },
  )
  const tokens = readAnswer(pieces, {
    ...{ plan, stop: plan.readsStops ? stop : [] },
    usage: (completionTokens) => ({ promptTokens: inputIds.length, cachedTokens, completionTokens }),
  })
  return { warnings, tokens: resumed(await tokens.next(), tokens) }
}

interface Writing extends Omit<ChatTemplateAsyncOptions, 'chatTemplate' | 'tools'> {
  readonly chatTemplate: string | undefined
  readonly tools: ChatTemplateAsyncOptions['tools'] | undefined
  /** Variables that depend on the text of the template; those of the call win. */
  variablesOf(template: string): object
}

/** The prompt of a conversation, which ends where the answer begins. */
async function writeConversation(
  messages: readonly TemplateMessage[],
  model: CausalLM,
  { chatTemplate, tools, variables, variablesOf, signal }: Writing,
) {
  const tokenizer = await demandTokenizer(model)
  const chosen = { ...(chatTemplate !== undefined && { chatTemplate }), ...(tools && { tools }) }
  const template = tokenizer.getChatTemplate(chosen)
  const inputIds = await tokenizer.encodeChatAsync(messages, {
    ...{ ...chosen, signal, addGenerationPrompt: true },
    variables: { ...variablesOf(template), ...variables },
  })
  return { tokenizer, template, inputIds }
}

async function demandTokenizer(model: CausalLM): Promise<Tokenizer> {
  const tokenizer = await model.tokenizer()
  if (tokenizer !== undefined) return tokenizer
  throw new ConfigError('TOKENIZER_MISSING', 'the model folder has no tokenizer.json, so it cannot chat', {
    hint: 'Add the tokenizer files to the folder.',
  })
}

/** As long as the model says where the call does not; where neither does, to the end of the context. */
async function withLimit(generation: GenerationOptions, model: CausalLM): Promise<GenerationOptions> {
  const { maxNewTokens, maxLength } = await model.generationConfig(generation)
  const isOpen = maxNewTokens === undefined && maxLength === undefined
  return isOpen ? { ...generation, maxNewTokens: model.contextLength } : generation
}

function effortVariables(effort: string, template: string, warnings: SharedV3Warning[]): object {
  if (effort === 'provider-default') return {}
  const variables = reasoningVariables(effort)
  if (!Object.keys(variables).some((name) => template.includes(name))) {
    const details = 'The chat template of the model cannot be told how much to think.'
    warnings.push({ type: 'unsupported', feature: 'reasoning', details })
  }
  return variables
}

/** No generator: that does nothing when it is returned before anybody has asked it. */
function resumed(first: IteratorResult<AnswerToken>, rest: AsyncGenerator<AnswerToken>): AnswerTokens {
  const begun = [first]
  return {
    next: async () => begun.pop() ?? rest.next(),
    async return() {
      begun.pop()
      return rest.return(undefined)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
