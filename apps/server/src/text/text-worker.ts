/** A thread that renders chat templates and makes tokens of texts: either may take longer than a server can stand still. */

import { createHash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import {
  AutoTokenizer,
  ConfigError,
  compileGrammar,
  compileVocabulary,
  HfquantError,
  type Tokenizer,
  type Vocabulary,
} from 'hfquant'
import type {
  ChatInput,
  EncodedPrompt,
  TextAnswers,
  TextFailure,
  TextJob,
  TextReply,
  TextRequest,
  TextWorkerData,
} from './protocol.js'

/** Bytes of a rendered conversation at most. */
const MAX_RENDERED = 8 * 1024 * 1024
/** Bytes that replicas tell conversations apart by. */
const PREFIX_BYTES = 1024
const ENDING_CHARACTERS = 64

const { model, folder, chatTemplate, contextLength } = workerData as TextWorkerData
const port = parentPort!
const reply = (message: TextReply) => port.postMessage(message)

try {
  const tokenizer = await AutoTokenizer.fromPretrained(folder)
  const longest = longestToken(tokenizer)
  port.on('message', ({ id, job }: TextRequest) => {
    doJob(job, tokenizer, longest, () => reply({ kind: 'halfway', id })).then(
      (answer) => reply({ kind: 'done', id, answer }),
      (error) => reply({ kind: 'error', id, error: describe(error) }),
    )
  })
  reply({ kind: 'ready' })
} catch (error) {
  reply({ kind: 'failed', error: describe(error) })
}

async function doJob(
  job: TextJob,
  tokenizer: Tokenizer,
  longest: number,
  onHalfway: () => void,
): Promise<TextAnswers[TextJob['kind']]> {
  switch (job.kind) {
    case 'chat': {
      const text = render(job, tokenizer)
      onHalfway()
      return encode({ text, addSpecialTokens: false }, tokenizer, longest)
    }
    case 'text':
      onHalfway()
      return encode(job, tokenizer, longest)
    case 'decode':
      onHalfway()
      return tokenizer.decode(job.ids, { skipSpecialTokens: false })
    case 'tokens':
      onHalfway()
      return job.ids.map((id) => tokenizer.idToToken(id) ?? null)
    case 'grammar': {
      const vocabulary = vocabularyOf(tokenizer, job.endTokenIds)
      onHalfway()
      return compileGrammar(job.source, vocabulary)
    }
  }
}

const vocabularies = new Map<string, Vocabulary>()

/** Made when it is first needed; what comes first in a new thread is slow, and is no part of a grammar's time. */
function vocabularyOf(
  { vocabSize: size, tokenBytes }: Tokenizer,
  endTokenIds: readonly number[],
): Vocabulary {
  const key = endTokenIds.join()
  const made = vocabularies.get(key) ?? compileVocabulary({ size, tokenBytes, endTokenIds })
  if (!vocabularies.has(key)) compileGrammar({ type: 'json_object' }, made)
  vocabularies.set(key, made)
  return made
}

function render(
  { messages, tools, variables, addGenerationPrompt, continueFinalMessage }: ChatInput,
  tokenizer: Tokenizer,
): string {
  const text = tokenizer.applyChatTemplate(messages, {
    ...{ variables, addGenerationPrompt, continueFinalMessage },
    ...(tools && { tools: tools.map((tool) => ({ ...tool })) }),
    ...(chatTemplate !== undefined && { chatTemplate }),
  })
  if (Buffer.byteLength(text) <= MAX_RENDERED) return text
  throw new ConfigError(
    'PROMPT_TOO_LONG',
    `the conversation has more than ${MAX_RENDERED} bytes when it is written out`,
    {
      field: 'messages',
      hint: 'Shorten it.',
    },
  )
}

async function encode(
  { text, addSpecialTokens, truncateTo }: Omit<Extract<TextJob, { kind: 'text' }>, 'kind'>,
  tokenizer: Tokenizer,
  longest: number,
): Promise<EncodedPrompt> {
  const bytes = Buffer.from(text)
  const isCut = truncateTo !== undefined
  if (!isCut && bytes.length > contextLength * longest) throw tooLong()
  const ids = await tokenizer
    .encodeAsync(text, { addSpecialTokens, ...(isCut ? { truncateTo } : { maxTokens: contextLength }) })
    .catch((error) => {
      throw HfquantError.isInstance(error) && error.code === 'TEXT_TOO_LONG' ? tooLong() : error
    })
  return { ids, ending: text.slice(-ENDING_CHARACTERS), prefix: prefixOf(bytes) }
}

const prefixOf = (bytes: Buffer): string | undefined =>
  bytes.length < PREFIX_BYTES
    ? undefined
    : createHash('sha256')
        .update(model)
        .update('\0')
        .update(bytes.subarray(0, PREFIX_BYTES))
        .digest('hex')
        .slice(0, 16)

const tooLong = (): ConfigError =>
  new ConfigError(
    'PROMPT_TOO_LONG',
    `the prompt has more than ${contextLength} tokens, which is all that the model takes`,
    {
      field: 'prompt',
      hint: 'Shorten it.',
    },
  )

/** Bytes of the longest token, or more: letters that stand for bytes take up to two. */
function longestToken({ vocabSize, idToToken }: Tokenizer): number {
  let longest = 1
  for (let id = 0; id < vocabSize; id++) longest = Math.max(longest, Buffer.byteLength(idToToken(id) ?? ''))
  return longest
}

function describe(error: unknown): TextFailure {
  const message = error instanceof Error ? error.message : String(error)
  if (!HfquantError.isInstance(error)) return { code: 'INTERNAL', message, hint: undefined, field: undefined }
  return { code: error.code, message, hint: error.hint, field: error.field }
}
