import { isObject } from '../json.js'
import { checkTokenId, wrong } from '../tokenizer-json.js'
import { rootStage, type Stage, stagesIn, unknownStage } from './fields.js'

/** Puts the ids that a model expects around those of a text. */
export interface PostProcessor {
  /** How many ids a text of `length` ids becomes, or is on the way if that is more. */
  lengthOf(length: number): number
  apply(ids: number[]): number[]
}

/** The post-processor of tokenizer.json, or undefined where there is none. Throws TokenizerFileError. */
export function readPostProcessor(value: unknown): PostProcessor | undefined {
  return value === null ? undefined : createPostProcessor(rootStage(value, 'post_processor'))
}

function createPostProcessor(stage: Stage): PostProcessor {
  switch (stage.json.type) {
    case 'TemplateProcessing':
      return fromParts(readTemplate(stage))
    case 'BertProcessing':
    case 'RobertaProcessing':
      return fromParts([[readPairId(stage, 'cls')], TEXT, [readPairId(stage, 'sep')]])
    case 'ByteLevel':
      // It corrects offsets, of which nobody here asks for.
      return { lengthOf: (length) => length, apply: (ids) => ids }
    case 'Sequence':
      return sequencePostProcessor(stage)
    default:
      throw unknownStage(stage)
  }
}

function sequencePostProcessor(stage: Stage): PostProcessor {
  const processors = stagesIn(stage, 'processors').map(createPostProcessor)
  return {
    lengthOf(length) {
      let [now, most] = [length, 0]
      for (const processor of processors) {
        now = processor.lengthOf(now)
        most = Math.max(most, now)
      }
      // A later template may leave out the text that an earlier one repeated.
      return processors.length === 0 ? length : most
    },
    apply: (ids) => processors.reduce((result, processor) => processor.apply(result), ids),
  }
}

/** Where the text stands among fixed ids. */
const TEXT = 'text'
type Part = readonly number[] | typeof TEXT

function fromParts(parts: readonly Part[]): PostProcessor {
  const texts = parts.filter((part) => part === TEXT).length
  const fixed = parts.reduce((sum, part) => sum + (part === TEXT ? 0 : part.length), 0)
  return {
    lengthOf: (length) => texts * length + fixed,
    apply(ids) {
      const all: number[] = []
      for (const part of parts) for (const id of part === TEXT ? ids : part) all.push(id)
      return all
    },
  }
}

function readTemplate(stage: Stage): Part[] {
  const { json, path } = stage
  if (!Array.isArray(json.single)) throw wrong(`${path}.single`, json.single, 'a list of pieces')
  return json.single.map((piece: unknown, index) => readPiece(stage, piece, `${path}.single[${index}]`))
}

function readPiece({ json, path }: Stage, piece: unknown, field: string): Part {
  const { Sequence: sequence, SpecialToken: token } = isObject(piece) ? piece : {}
  if (isObject(sequence)) {
    if (sequence.id === 'A') return TEXT
    throw wrong(`${field}.Sequence.id`, sequence.id, '"A": a single text has no second one')
  }
  if (!isObject(token) || typeof token.id !== 'string') {
    throw wrong(field, piece, '{ "Sequence": … } or { "SpecialToken": … }')
  }
  const entry = isObject(json.special_tokens) ? json.special_tokens[token.id] : undefined
  const idsField = `${path}.special_tokens["${token.id}"].ids`
  if (!isObject(entry) || !Array.isArray(entry.ids)) throw wrong(idsField, entry, 'a list of ids')
  return entry.ids.map((id: unknown, index) => checkTokenId(id, `${idsField}[${index}]`))
}

/** The id of a field `["[SEP]", 102]`. */
function readPairId({ json, path }: Stage, field: string): number {
  const pair = json[field]
  if (!Array.isArray(pair) || pair.length !== 2) throw wrong(`${path}.${field}`, pair, '[token, id]')
  return checkTokenId(pair[1], `${path}.${field}[1]`)
}
