import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Entity, GLiNER, GlinerDocument } from 'hfquant'
import type { ServerContext } from '../context.js'
import type { BatchItem } from '../encode/batcher.js'
import { encodeTexts } from '../encode/encode-texts.js'
import { inTurn } from '../encode/in-turn.js'
import { ApiError } from '../http/api-error.js'
import type { Exchange } from '../http/exchange.js'
import { handle } from '../http/handle.js'
import {
  bodyOf,
  type Fields,
  listOf,
  missing,
  number,
  oneOf,
  optional,
  required,
  text,
  truth,
  wrongType,
  wrongValue,
} from '../http/read-body.js'
import { ignoredHeader, modelName, unknownFields } from '../openai/fields.js'

const MOST_TEXTS = 256
/** With those of the labels. */
const MOST_TOKENS = 300_000

/** Settings that all texts of a batch share. */
interface EntitySettings {
  readonly threshold: number
  readonly flatNer: boolean
  readonly multiLabel: boolean
  readonly offsets: 'utf16' | 'codePoints'
}

interface EntityText {
  readonly text: string
  readonly labels: readonly string[]
}

/** `POST /v1/entities` */
export const entities =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, async (exchange) => {
      const body = bodyOf(request.body)
      const texts = readTexts(body)
      const labels = readLabels(body, texts.length, context.settings.maxLabels)
      const offsets = optional(body, 'offsets', oneOf(['utf16', 'codepoint'])) ?? 'utf16'
      const settings = readSettings(body, context, offsets === 'utf16' ? 'utf16' : 'codePoints')
      const items = texts.map((one, index) => ({ text: one, labels: labels[index]! }))
      const found = await findEntities(context, exchange, modelName(body), items, settings)
      const usage = { prompt_tokens: found.tokens, total_tokens: found.tokens }
      return {
        headers: ignoredHeader(unknownFields(body, [...READ, 'input', 'offsets'])),
        body: {
          ...{ object: 'list', model: found.model },
          data: found.entities.map((one, index) => ({ index, entities: one.map(entityOf) })),
          usage,
        },
      }
    })

/** `POST /gliner`: one text, as clients of gliner.serve ask and read. */
export const gliner =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, async (exchange) => {
      const body = bodyOf(request.body)
      for (const name of ['relations', 'adapter_id']) {
        if (body[name] != null) {
          throw new ApiError('unsupported_field', `${name} is not offered; leave it out`, { param: name })
        }
      }
      const one = required(body, 'text', text(), 'a text')
      const [labels] = readLabels(body, 1, context.settings.maxLabels)
      const settings = readSettings(body, context, 'codePoints')
      const item = { text: one, labels: labels! }
      const found = await findEntities(context, exchange, modelName(body), [item], settings)
      return {
        headers: ignoredHeader(unknownFields(body, [...READ, 'text'])),
        body: { entities: found.entities[0]!.map(entityOf) },
      }
    })

/** Errors of that route are read by clients of gliner.serve. */
export const isGlinerPath = (url: string): boolean => /^\/gliner(\?|$)/.test(url)

/** Fields that both routes read. */
const READ = ['model', 'labels', 'threshold', 'flat_ner', 'multi_label']

const entityOf = ({ start, end, text: words, label, score }: Entity) => ({
  start,
  end,
  text: words,
  label,
  score,
})

function readTexts(body: Fields): readonly string[] {
  const value = body.input ?? undefined
  if (value === undefined) throw missing('input', 'a text, or a list of them')
  if (typeof value === 'string') return [value]
  return listOf(text(), { least: 1, most: MOST_TEXTS })(value, 'input')
}

/** Labels of each text: one list for all, or one for each. */
function readLabels(body: Fields, texts: number, most: number): readonly (readonly string[])[] {
  const value = body.labels ?? undefined
  const expected = 'a list of labels, or one for each text'
  if (value === undefined) throw missing('labels', expected)
  const list = typeof value === 'string' ? [value] : value
  if (!Array.isArray(list)) throw wrongType(value, 'labels', expected)
  const labels = listOf(text({ least: 1, most: 1000 }), { most })
  if (!Array.isArray(list[0])) return Array(texts).fill(labels(list, 'labels'))
  if (list.length !== texts)
    throw wrongValue(`${list.length} lists`, 'labels', `one for each of ${texts} texts`)
  return listOf(labels)(list, 'labels')
}

const readSettings = (
  body: Fields,
  { settings }: ServerContext,
  offsets: EntitySettings['offsets'],
): EntitySettings => ({
  threshold: optional(body, 'threshold', number({ least: 0, most: 1 })) ?? settings.defaultThreshold,
  flatNer: optional(body, 'flat_ner', truth) ?? true,
  multiLabel: optional(body, 'multi_label', truth) ?? false,
  offsets,
})

async function findEntities(
  context: ServerContext,
  exchange: Exchange,
  name: string | undefined,
  items: readonly EntityText[],
  settings: EntitySettings,
): Promise<{
  readonly model: string
  readonly tokens: number
  readonly entities: readonly (readonly Entity[])[]
}> {
  const { outputs, tokens, entry } = await encodeTexts(context, exchange, name, {
    select: (model) => (model.kind === 'gliner' ? model.gliner : undefined),
    read: (model, signal) => readDocuments(model, items, JSON.stringify(settings), signal),
    compute: (model, documents: readonly GlinerDocument[], kind) =>
      model.predictDocuments(documents, JSON.parse(kind) as EntitySettings),
  })
  return { model: entry.name, tokens, entities: outputs }
}

/** Texts of a request, with the limit of those for vectors. */
async function readDocuments(
  model: GLiNER,
  items: readonly EntityText[],
  kind: string,
  signal: AbortSignal,
): Promise<readonly BatchItem<GlinerDocument>[]> {
  const documents: BatchItem<GlinerDocument>[] = []
  let total = 0
  for (const { text, labels } of items) {
    // A word has a token at least.
    const maxWords = MOST_TOKENS - total
    const [input] = await inTurn(model, () => model.readDocuments([text], [labels], { signal, maxWords }))
    const { tokens: size } = input!
    total += size
    if (total > MOST_TOKENS) throw wrongValue(`more than ${MOST_TOKENS} tokens`, 'input', 'shorter texts')
    documents.push({ input: input!, size, kind })
  }
  return documents
}
