import { createHash } from 'node:crypto'
import type { ServerContext } from '../context.js'
import { ApiError } from '../http/api-error.js'
import { ClientLeft, type Exchange } from '../http/exchange.js'
import type { LoadedDecoder, LoadedModel } from '../models/loaded-model.js'
import type { ModelEntry } from '../models/model-entry.js'
import type { GenerationRequest } from '../openai/generation-request.js'
import { enterPreparation } from '../queue/enter-preparation.js'
import type { EncodedPrompt } from '../text/protocol.js'
import type { ChoicePart } from './answer-parts.js'
import { answerTokens, generateOptions } from './generation-options.js'
import { planAnswer } from './plan-answer.js'
import { behindScores, noAnswer } from './prompt-scores.js'
import { readAnswer } from './read-answer.js'
import { runChoices } from './run-choices.js'

/** A request whose answer has begun: its place is taken, and nothing of it is left to refuse. */
export interface BegunGeneration {
  readonly entry: ModelEntry
  readonly model: LoadedDecoder
  readonly prompts: readonly EncodedPrompt[]
  /** Choice `i` answers prompt `floor(i / n)`. To be read to its end, or returned. */
  readonly parts: AsyncGenerator<ChoicePart>
}

/**
 * Finds the model of a request, and checks that its key may ask it.
 *
 * @param keepAlive as of a generation; undefined changes nothing.
 */
export function modelFor(
  { registry }: ServerContext,
  { record }: Exchange,
  name: string | undefined,
  keepAlive?: number,
): ModelEntry {
  const entry = registry.find(name)
  const { key } = record
  record.model = entry.name
  if (key?.models !== undefined && !key.models.includes(entry.name)) {
    throw new ApiError('model_not_allowed', `the key ${key.name} may not ask the model ${entry.name}`, {
      param: 'model',
    })
  }
  if (keepAlive !== undefined) entry.setKeepAlive(keepAlive)
  return entry
}

/**
 * Takes a request to where its answer begins: model, tokens, limits of its key, a place among those that run.
 *
 * @param encode makes the tokens of the prompts.
 * @throws ApiError, HfquantError, ClientLeft: then nothing is left to be ended.
 */
export async function beginGeneration(
  context: ServerContext,
  exchange: Exchange,
  request: GenerationRequest,
  encode: (model: LoadedDecoder) => Promise<readonly EncodedPrompt[]>,
): Promise<BegunGeneration> {
  const { settings, limits, metrics } = context
  const { record, signal } = exchange
  const entry = modelFor(context, exchange, request.model, request.keepAlive)
  const undo: (() => void)[] = []
  const undoAll = () => {
    for (const step of undo.splice(0).reverse()) step()
  }
  try {
    entry.admission.demandRoom(request.n)
    const leavePreparation = enterPreparation(entry, settings)
    undo.push(leavePreparation)
    const lease = await entry.use(signal)
    undo.push(lease.release)
    const reader = demandDecoder(lease.model, entry)
    const prompts = await encode(reader)
    const plan = await planAnswer(request, reader, prompts[0]!.ending)
    signal.throwIfAborted()
    record.rendered = performance.now()
    const maxTokens = prompts.map(({ ids }) => answerTokens(request, ids.length, reader, settings))
    const choices = prompts.length * request.n
    const promptTokens = prompts.reduce((sum, { ids }) => sum + ids.length, 0)
    const answers = maxTokens.reduce((sum, tokens) => sum + tokens * request.n, 0)
    Object.assign(record, {
      n: choices,
      promptTokens,
      maxTokens: Math.max(...maxTokens),
      stream: request.stream,
    })
    const booked = limits.book(record.key, choices, promptTokens + answers)
    undo.push(() => booked.settle(record.promptTokens + record.completionTokens))
    const hash = hashOf(prompts)
    entry.refuseSuspect(hash)
    leavePreparation()
    const admitted = await entry.admission.admit({ key: record.key?.name ?? '', choices, signal })
    undo.push(() => admitted.release(), entry.track(record.id, hash))
    // Another one than before the wait, when the session ended meanwhile.
    const model = demandDecoder(entry.loaded ?? reader, entry)
    record.admitted = performance.now()
    metrics.queued(entry.name, (record.admitted - record.rendered) / 1000)
    const scope = scopeOf(context, exchange, request)
    let hasRoom = () => {}
    const admission = new Promise<void>((resolve) => {
      hasRoom = resolve
    })
    const parts = observed(
      runChoices({
        ...{ prompts: prompts.length, choices: request.n, admitted, signal },
        generate(choice, abort) {
          const prompt = Math.floor(choice / request.n)
          const inputIds = prompts[prompt]!.ids
          let cachedTokens = 0
          const onAdmitted = (admission: { readonly cachedTokens: number }) => {
            cachedTokens = admission.cachedTokens
            hasRoom()
          }
          const options = generateOptions(request, model, plan, {
            ...{ scope, onAdmitted, signal: abort },
            choice: choice % request.n,
            maxNewTokens: maxTokens[prompt]!,
          })
          const usage = (completionTokens: number) => ({
            ...{ promptTokens: inputIds.length, cachedTokens, completionTokens },
          })
          const answer =
            maxTokens[prompt] === 0
              ? noAnswer(usage(0))
              : readAnswer(reportingCrash(model.generator.generate({ inputIds }, options), entry), {
                  ...{ plan, usage, tokenBytes: model.tokenBytes },
                  stop: plan.readsStops ? (request.stop ?? []) : [],
                })
          if (request.scoresPrompt !== true || choice % request.n > 0) return answer
          const scoring = { top: request.logprobs, scope, signal: abort }
          return reportingCrash(
            behindScores(() => model.generator.score({ inputIds }, scoring), answer),
            entry,
          )
        },
      }),
      ...([context, exchange, entry, undoAll] as const),
    )
    // What the session refuses, and the wait for memory, are still answered with a status.
    const first = parts.next()
    first.catch(() => {})
    await Promise.race([admission, first])
    return { entry, model, prompts, parts: resumed(first, parts) }
  } catch (error) {
    undoAll()
    throw error
  }
}

/** Reports while the slot is still taken: whoever gets it next must not begin on a session that has ended. */
async function* reportingCrash<Piece>(
  pieces: AsyncGenerator<Piece>,
  entry: ModelEntry,
): AsyncGenerator<Piece> {
  try {
    yield* pieces
  } catch (error) {
    entry.reportCrash(error)
    throw error
  }
}

async function* resumed<T>(first: Promise<IteratorResult<T>>, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    const { value, done } = await first
    if (done === true) return
    yield value
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}

/** Whoever can time answers can find out whether a prompt begins like somebody else's, unless caches are kept apart. */
function scopeOf(
  context: ServerContext,
  { record }: Exchange,
  { cacheSalt }: Pick<GenerationRequest, 'cacheSalt'>,
): string | undefined {
  const key = context.keys().size > 1 ? record.key?.name : undefined
  return key === undefined ? cacheSalt : JSON.stringify([key, cacheSalt ?? ''])
}

/** @throws ApiError unsupported_value for a model that generates no text. */
export function demandDecoder(model: LoadedModel, { name }: ModelEntry): LoadedDecoder {
  if (model.kind === 'decoder') return model
  throw new ApiError(
    'unsupported_value',
    `${name} is no model that generates text; it is one of kind "${model.kind}"`,
    {
      param: 'model',
    },
  )
}

const hashOf = (prompts: readonly EncodedPrompt[]): string => {
  const hash = createHash('sha256')
  for (const { ids } of prompts) hash.update(Uint32Array.from(ids))
  return hash.digest('hex')
}

/** Counts what comes, and cleans up behind it, however it ends. */
async function* observed(
  parts: AsyncGenerator<ChoicePart>,
  { metrics }: ServerContext,
  { record, signal }: Exchange,
  entry: ModelEntry,
  cleanUp: () => void,
): AsyncGenerator<ChoicePart> {
  const { name } = entry
  const latest = new Map<number, number>()
  let failed = false
  let isDone = false
  try {
    for await (const part of parts) {
      if (part.finish !== undefined) record.finish ??= part.finish
      if (part.usage !== undefined && part.choice === 0) record.cachedTokens = part.usage.cachedTokens
      if (part.promptScores !== undefined || part.usage?.completionTokens === 0) {
        yield part
        continue
      }
      const now = performance.now()
      const before = latest.get(part.choice)
      if (before !== undefined) metrics.betweenTokens(name, (now - before) / 1000)
      latest.set(part.choice, now)
      if (record.firstToken === undefined) {
        record.firstToken = now
        metrics.firstToken(name, (now - record.received) / 1000)
      }
      record.completionTokens++
      metrics.token(name)
      for (const { type } of part.events) if (type === 'tool-failure') metrics.toolFailed(name)
      yield part
    }
    isDone = true
  } catch (error) {
    failed = true
    throw error
  } finally {
    record.ended = performance.now()
    if (!isDone)
      record.finish = (signal.aborted && signal.reason instanceof ClientLeft) || !failed ? 'abort' : 'error'
    cleanUp()
    const { firstToken, admitted, received, ended } = record
    metrics.promptTokens(name, record.promptTokens, record.cachedTokens)
    metrics.finished(name, {
      reason: record.finish ?? 'stop',
      total: (ended - received) / 1000,
      prefill: firstToken === undefined ? undefined : (firstToken - admitted!) / 1000,
      decode: firstToken === undefined ? undefined : (ended - firstToken) / 1000,
      promptTokens: record.promptTokens,
      completionTokens: record.completionTokens,
      maxTokens: record.maxTokens,
      choices: record.n,
    })
  }
}
