import {
  InvalidArgumentError,
  type LanguageModelV3FinishReason,
  type SharedV3Warning,
} from '@ai-sdk/provider'
import { type CausalLM, TOOL_MARKERS } from 'hfquant'
import { type AnswerTokens, type BegunAnswer, beginAnswer } from './begin-answer.js'
import type { CallOptions } from './call-options.js'
import { PROVIDER } from './own-options.js'
import type { LanguageModelSettings } from './settings.js'
import {
  type Content,
  collectContent,
  createPartWriter,
  finishReasonOf,
  type StreamPart,
  type Usage,
  usageOf,
} from './stream-parts.js'
import { toCallError } from './to-sdk-error.js'

/** A language model in one of the versions of the interface, which differ in what they are called with. */
export interface LanguageModel<Version> {
  readonly specificationVersion: Version
  readonly provider: string
  readonly modelId: string
  readonly supportedUrls: Record<string, RegExp[]>
  doGenerate(options: CallOptions): Promise<GenerateResult>
  doStream(options: CallOptions): Promise<{ stream: ReadableStream<StreamPart> }>
}

interface GenerateResult {
  content: Content[]
  finishReason: LanguageModelV3FinishReason
  usage: Usage
  warnings: SharedV3Warning[]
  response: { timestamp: Date; modelId: string }
}

/**
 * @param load the model of this name.
 * @throws InvalidArgumentError for a format of calls, or a way to treat reasoning, that is none.
 */
export function createLanguageModel<Version>(
  specificationVersion: Version,
  modelId: string,
  settings: LanguageModelSettings,
  load: (signal: AbortSignal | undefined) => Promise<CausalLM>,
): LanguageModel<Version> {
  checkSetting('toolFormat', settings.toolFormat, Object.keys(TOOL_MARKERS))
  checkSetting('reasoning', settings.reasoning, ['auto', 'off'])
  const asSdkError = (error: unknown, options: CallOptions) =>
    toCallError(error, {
      prompt: options.prompt,
      given: { ...options, ...settings, ...options.providerOptions?.[PROVIDER] },
    })

  async function begin(options: CallOptions): Promise<BegunAnswer> {
    try {
      return await beginAnswer(options, settings, load)
    } catch (error) {
      throw asSdkError(error, options)
    }
  }

  return {
    ...{ specificationVersion, modelId, provider: PROVIDER },
    // All of them, to be refused: otherwise the AI SDK downloads files for models that read none.
    supportedUrls: { '*/*': [/.*/] },
    async doGenerate(options) {
      const { warnings, tokens } = await begin(options)
      const { content, add } = collectContent()
      try {
        for await (const part of partsOf(tokens)) {
          add(part)
          if (part.type !== 'finish') continue
          const { finishReason, usage } = part
          return { content, finishReason, usage, warnings, response: { modelId, timestamp: new Date() } }
        }
      } catch (error) {
        throw asSdkError(error, options)
      }
      throw new Error('an answer has ended without saying why')
    },
    async doStream(options) {
      const { warnings, tokens } = await begin(options)
      async function* parts(): AsyncGenerator<StreamPart> {
        yield { type: 'stream-start', warnings }
        yield { type: 'response-metadata', modelId, timestamp: new Date() }
        try {
          yield* partsOf(tokens, options)
        } catch (error) {
          // The AI SDK tells an abort by its stream, which fails with the reason.
          if (options.abortSignal?.aborted) throw error
          yield { type: 'error', error: asSdkError(error, options) }
        }
      }
      return { stream: streamOf(parts(), tokens, options.abortSignal) }
    },
  }
}

/**
 * A stream of `parts` that ends the answer when it is cancelled, even before anybody has read, and when the call is aborted: whoever
 * aborts reads no further, and an answer that nobody reads keeps its place.
 */
function streamOf(
  parts: AsyncGenerator<StreamPart>,
  tokens: AnswerTokens,
  signal: AbortSignal | undefined,
): ReadableStream<StreamPart> {
  const cancel = async () => {
    signal?.removeEventListener('abort', onAbort)
    await tokens.return()
  }
  const onAbort = () => void cancel().catch(() => {})
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted === true) onAbort()
  return new ReadableStream<StreamPart>(
    {
      async pull(controller) {
        signal?.throwIfAborted()
        const { done, value } = await parts.next()
        if (done !== true) return controller.enqueue(value)
        signal?.removeEventListener('abort', onAbort)
        controller.close()
      },
      cancel,
    },
    { highWaterMark: 0 },
  )
}

async function* partsOf(
  tokens: AnswerTokens,
  { includeRawChunks = false }: Pick<CallOptions, 'includeRawChunks'> = {},
): AsyncGenerator<StreamPart> {
  const writer = createPartWriter()
  for await (const { piece, events, finish, usage } of tokens) {
    if (includeRawChunks) yield { type: 'raw', rawValue: piece }
    for (const event of events) yield* writer.write(event)
    if (finish === undefined) continue
    yield* writer.end()
    yield { type: 'finish', finishReason: finishReasonOf(finish), usage: usageOf(usage!) }
  }
}

function checkSetting(argument: string, value: string | undefined, known: readonly string[]): void {
  if (value === undefined || known.includes(value)) return
  const message = `${argument} is ${JSON.stringify(value)}, expected one of ${known.join(', ')}.`
  throw new InvalidArgumentError({ argument, message })
}
