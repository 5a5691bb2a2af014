import {
  InvalidArgumentError,
  type LanguageModelV3FinishReason,
  type SharedV3Warning,
} from '@ai-sdk/provider'
import { type CausalLM, TOOL_MARKERS } from 'hfquant'
import { type BegunAnswer, beginAnswer } from './begin-answer.js'
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
 * @throws InvalidArgumentError for a format of calls that is none.
 */
export function createLanguageModel<Version>(
  specificationVersion: Version,
  modelId: string,
  settings: LanguageModelSettings,
  load: (signal: AbortSignal | undefined) => Promise<CausalLM>,
): LanguageModel<Version> {
  checkToolFormat(settings.toolFormat)
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
      return { stream: ReadableStream.from(parts()) }
    },
  }
}

async function* partsOf(
  tokens: BegunAnswer['tokens'],
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

function checkToolFormat(format: string | undefined): void {
  if (format === undefined || Object.hasOwn(TOOL_MARKERS, format)) return
  const known = Object.keys(TOOL_MARKERS).join(', ')
  const message = `toolFormat is ${JSON.stringify(format)}, expected one of ${known}.`
  throw new InvalidArgumentError({ argument: 'toolFormat', message })
}
