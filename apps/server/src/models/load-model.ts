import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type AnswerFormatSettings,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  type CausalLM,
  ConfigError,
  findAnswerFormat,
  GLiNER,
  HfquantError,
  inspectModel,
  type LoadModelOptions,
  recipe,
  type SentenceInput,
} from 'hfquant'
import { createGrammarCache } from '../text/grammar-cache.js'
import { startTextThreads, type TextThreads } from '../text/text-threads.js'
import { readChatTemplate } from './chat-template.js'
import { readFileDefaults } from './file-defaults.js'
import { type FolderFacts, readFolderFacts } from './folder-facts.js'
import type { LoadedDecoder, LoadedEncoder, LoadedModel, QuantizationFacts } from './loaded-model.js'

/** How a model is loaded. */
export interface ModelPlan {
  readonly name: string
  /** The folder that the name was resolved to when the server started. */
  readonly folder: string
  /** Of the folder, when the server started. */
  readonly facts: FolderFacts
  readonly dtype: string | undefined
  /** A recipe: float models are quantized while they are loaded. */
  readonly quantize: string | undefined
  readonly kvCacheDtype: 'float32' | 'float16' | undefined
  readonly threads: number | undefined
  readonly maxSequences: number
  /** Bytes of keys and values. */
  readonly kvCacheMemory: number
  /** Text of a template in place of the folder's. */
  readonly chatTemplate: string | undefined
  readonly generationConfig: 'auto' | 'none'
  readonly toolFormat: AnswerFormatSettings['toolFormat']
  readonly reasoning: AnswerFormatSettings['reasoning']
}

/** What a folder of GLiNER is known by. */
export const GLINER_CONFIG = 'gliner_config.json'

/** Loads a model of any kind that is served. */
export type LoadModel = (plan: ModelPlan, signal: AbortSignal) => Promise<LoadedModel>

/**
 * @throws HfquantError as loading does; ChatTemplateError for a template that fails or takes too long with a conversation of
 * one message.
 */
export const loadModel: LoadModel = async (plan, signal) => {
  const { folder, dtype, quantize, kvCacheDtype, threads } = plan
  const common: LoadModelOptions = {
    ...{ dtype, threads, signal },
    quantizationConfig: quantize === undefined ? undefined : await recipe(quantize),
  }
  if (existsSync(join(folder, GLINER_CONFIG))) {
    const gliner = await GLiNER.fromPretrained(folder, common)
    return { kind: 'gliner', gliner, contextLength: gliner.maxLength, ...(await factsOf(gliner, plan)) }
  }
  const architecture = await architectureOf(folder)
  if (architecture.endsWith('ForSequenceClassification')) {
    const encoder = await AutoModelForSequenceClassification.fromPretrained(folder, common)
    return encoderOf(encoder, 'classify', wholeTexts(encoder), plan)
  }
  if (architecture.endsWith('ForTokenClassification')) {
    const encoder = await AutoModelForTokenClassification.fromPretrained(folder, common)
    return encoderOf(encoder, 'classify-tokens', wholeTexts(encoder), plan)
  }
  try {
    return await loadDecoder(plan, {
      ...common,
      kvCacheDtype,
      maxSequences: plan.maxSequences,
      kvCacheMemory: plan.kvCacheMemory,
    })
  } catch (error) {
    if (!(ConfigError.isInstance(error) && error.code === 'MODEL_CLASS')) throw error
    const encoder = await AutoModel.fromPretrained(folder, common)
    return encoderOf(encoder, 'embed', encoder.sentenceInput(), plan)
  }
}

/** @param input how the texts of the task are read. */
async function encoderOf<Encoder extends LoadedEncoder['encoder'], Task extends LoadedEncoder['task']>(
  encoder: Encoder,
  task: Task,
  input: SentenceInput | Promise<SentenceInput>,
  plan: ModelPlan,
) {
  let texts: TextThreads | undefined
  try {
    const { name: model, folder } = plan
    const reading = await input
    const contextLength = reading.maxLength
    if ((await encoder.tokenizer()) !== undefined) {
      texts = await startTextThreads({ model, folder, chatTemplate: undefined, contextLength })
    }
    const facts = await factsOf(encoder, plan)
    return {
      ...{ ...facts, kind: 'encoder' as const, encoder, task, contextLength },
      reading: { ...reading, texts },
      async dispose() {
        await Promise.all([texts?.close(), facts.dispose()])
      },
    }
  } catch (error) {
    await Promise.all([texts?.close(), encoder.dispose()])
    throw error
  }
}

/** Texts as they are, as long as the model takes them. */
const wholeTexts = ({ maxLength }: LoadedEncoder['encoder']): SentenceInput => ({
  ...{ maxLength, promptTokens: 0 },
  textOf: (text) => text,
})

async function loadDecoder(plan: ModelPlan, options: LoadModelOptions): Promise<LoadedDecoder> {
  const { folder } = plan
  const generator = await AutoModelForCausalLM.fromPretrained(folder, options)
  let starting: Promise<TextThreads> | undefined
  try {
    const { contextLength } = generator
    checkCacheMemory(generator, plan)
    const chatTemplate = plan.chatTemplate ?? (await readChatTemplate(folder))
    starting = startTextThreads({
      ...{ model: plan.name, folder, chatTemplate: plan.chatTemplate, contextLength },
    })
    // The thread reads the tokenizer while the model is compiled, which its first request would have to wait for.
    const [texts, tokenizer] = await Promise.all([starting, generator.tokenizer(), warmUp(generator)])
    if (chatTemplate !== undefined) await probeTemplate(texts)
    const facts = await factsOf(generator, plan)
    const defaults = await readFileDefaults(folder, plan.generationConfig === 'auto')
    return {
      ...facts,
      ...{ kind: 'decoder', generator, texts, defaults, chatTemplate, contextLength },
      format: findAnswerFormat(chatTemplate, tokenizer, plan),
      compileGrammar: createGrammarCache((source) =>
        texts.run({ kind: 'grammar', source, endTokenIds: defaults.eosTokenIds }),
      ),
      tokenBytes: (id) => tokenizer?.tokenBytes(id) ?? new Uint8Array(),
      async dispose() {
        await Promise.all([texts.close(), facts.dispose()])
      },
    }
  } catch (error) {
    const closing = starting?.then(
      (texts) => texts.close(),
      () => {},
    )
    await Promise.all([closing, generator.dispose()])
    throw error
  }
}

/** Tokens that a budget must hold at least, unless the context is shorter. */
const LEAST_CACHED = 1024

function checkCacheMemory(
  generator: Pick<CausalLM, 'contextLength' | 'kvCacheBytes'>,
  { name, kvCacheMemory }: ModelPlan,
): void {
  const needed = generator.kvCacheBytes(Math.min(generator.contextLength, LEAST_CACHED))
  if (kvCacheMemory >= needed) return
  throw new ConfigError(
    'KV_CACHE_MEMORY',
    `keys and values of ${name} have ${kvCacheMemory} bytes, expected ${needed} at least`,
    {
      ...{ field: '--kv-cache-memory', found: kvCacheMemory, expected: needed },
      hint: 'Give more memory, or use --kv-cache-dtype float16, which takes half of it.',
    },
  )
}

/** A template that never ends fails the start of the server, not its first request. One that refuses a message may be right. */
async function probeTemplate(texts: LoadedDecoder['texts']): Promise<void> {
  const messages = [{ role: 'user', content: 'Hello' }]
  const probe = { messages, addGenerationPrompt: true, continueFinalMessage: false, variables: {} }
  try {
    await texts.run({ kind: 'chat', tools: undefined, ...probe })
  } catch (error) {
    if (HfquantError.isInstance(error) && error.code === 'CHAT_TEMPLATE_REFUSED') return
    throw error
  }
}

async function warmUp(generator: Pick<LoadedDecoder['generator'], 'generate'>): Promise<void> {
  for await (const _ of generator.generate({ inputIds: [0] }, { maxNewTokens: 1, doSample: false })) return
}

interface Measured {
  readonly quantization: { readonly method: string } | undefined
  readonly warnings: readonly string[]
  memoryFootprint(): number
  dispose(): Promise<void>
}

async function factsOf(model: Measured, plan: ModelPlan) {
  const inspection = await inspectModel(plan.folder).catch(() => {
    // A kind of folder that cannot be inspected is served all the same.
  })
  const bytes = model.memoryFootprint()
  const parameters = inspection?.parameters ?? null
  return {
    quantization: quantizationFacts(model, plan, parameters && (8 * bytes) / parameters),
    ...{ bytes, parameters, dtype: plan.dtype ?? inspection?.dtype ?? '' },
    fingerprint: await fingerprintOf(plan),
    warnings: model.warnings,
    dispose: () => model.dispose(),
  }
}

function quantizationFacts(
  { quantization }: Measured,
  { quantize }: ModelPlan,
  bits: number | null,
): QuantizationFacts | null {
  if (quantization === undefined) return null
  return {
    method: quantization.method,
    recipe: quantize ?? null,
    bits_per_weight: bits === null ? null : Number(bits.toFixed(3)),
  }
}

/** Of the files, and of how they are computed with: what decides about the tokens. */
async function fingerprintOf({ folder, dtype, quantize, kvCacheDtype }: ModelPlan): Promise<string> {
  const { digest } = await readFolderFacts(folder)
  const hash = createHash('sha256').update(JSON.stringify([dtype, quantize, kvCacheDtype, digest]))
  return `hfq_${hash.digest('hex').slice(0, 12)}`
}

async function architectureOf(folder: string): Promise<string> {
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as {
    architectures?: unknown
  }
  const [first] = Array.isArray(config.architectures) ? config.architectures : []
  return typeof first === 'string' ? first : ''
}
