import { isObject } from '../json.js'
import { checkTokenId, wrong } from '../tokenizer-json.js'
import { rootStage, type Stage, stagesIn, unknownStage } from './fields.js'

/** Puts the ids that a model expects around those of a text, or of two. */
export interface PostProcessor {
  /** How many ids a text of `length` ids becomes, or is on the way if that is more. */
  lengthOf(length: number): number
  apply(ids: number[]): number[]
  /** How many ids are put around those of two texts. */
  addedToPair(): number
  applyToPair(first: readonly number[], second: readonly number[]): PairIds
}

/** Two texts as one sequence. */
export interface PairIds {
  readonly ids: number[]
  /** Of each id, which text it belongs to as the model was told. */
  readonly types: number[]
}

/** The post-processor of tokenizer.json, or undefined where there is none. Throws TokenizerFileError. */
export function readPostProcessor(value: unknown): PostProcessor | undefined {
  return value === null ? undefined : createPostProcessor(rootStage(value, 'post_processor'))
}

function createPostProcessor(stage: Stage): PostProcessor {
  switch (stage.json.type) {
    case 'TemplateProcessing':
      return fromParts(readTemplate(stage, 'single'), () => readTemplate(stage, 'pair'))
    case 'BertProcessing':
    case 'RobertaProcessing':
      return classic(stage)
    case 'ByteLevel':
      // It corrects offsets, of which nobody here asks for.
      return fromParts([FIRST_TEXT], () => JOINED)
    case 'Sequence':
      return sequencePostProcessor(stage)
    default:
      throw unknownStage(stage)
  }
}

/** What is made of two texts where nothing is said of them. */
const plainPair = (first: readonly number[], second: readonly number[]): PairIds =>
  joinParts(JOINED, first, second)

/** Of a pair, without a post-processor: ids of both, one behind the other. */
export const pairIds = (
  processor: PostProcessor | undefined,
  first: readonly number[],
  second: readonly number[],
): PairIds => processor?.applyToPair(first, second) ?? plainPair(first, second)

function sequencePostProcessor(stage: Stage): PostProcessor {
  const processors = stagesIn(stage, 'processors').map(createPostProcessor)
  // The first one that adds something joins two texts; a sequence has no other use for more than one such processor.
  const joining = () => processors.find(({ addedToPair }) => addedToPair() > 0)
  return {
    addedToPair: () => joining()?.addedToPair() ?? 0,
    applyToPair: (first, second) => pairIds(joining(), first, second),
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

/** Where a text stands among fixed ids. */
const TEXT = 'A'
const SECOND = 'B'
interface Piece {
  readonly ids: readonly number[] | typeof TEXT | typeof SECOND
  readonly type: number
}
const piece = (ids: Piece['ids'], type = 0): Piece => ({ ids, type })
const FIRST_TEXT = piece(TEXT)
const JOINED: readonly Piece[] = [FIRST_TEXT, piece(SECOND, 1)]

/** @param readPair is called when a pair is met: most tokenizers never meet one. */
function fromParts(single: readonly Piece[], readPair: () => readonly Piece[]): PostProcessor {
  const texts = single.filter(({ ids }) => ids === TEXT).length
  let read: readonly Piece[] | undefined
  const pair = () => {
    read ??= readPair()
    return read
  }
  return {
    addedToPair: () => fixedIn(pair()),
    applyToPair: (first, second) => joinParts(pair(), first, second),
    lengthOf: (length) => texts * length + fixedIn(single),
    apply: (ids) => joinParts(single, ids, []).ids,
  }
}

const fixedIn = (pieces: readonly Piece[]): number =>
  pieces.reduce((sum, { ids }) => sum + (typeof ids === 'string' ? 0 : ids.length), 0)

function joinParts(pieces: readonly Piece[], first: readonly number[], second: readonly number[]): PairIds {
  const [all, types]: [number[], number[]] = [[], []]
  for (const { ids, type } of pieces) {
    for (const id of ids === TEXT ? first : ids === SECOND ? second : ids) {
      all.push(id)
      types.push(type)
    }
  }
  return { ids: all, types }
}

/** BERT ends both texts; RoBERTa puts one end more between them, and tells no types. */
function classic(stage: Stage): PostProcessor {
  const [cls, sep] = [[readPairId(stage, 'cls')], [readPairId(stage, 'sep')]]
  const single = [piece(cls), FIRST_TEXT, piece(sep)]
  const second =
    stage.json.type === 'BertProcessing'
      ? [piece(SECOND, 1), piece(sep, 1)]
      : [piece(sep), piece(SECOND), piece(sep)]
  return fromParts(single, () => [...single, ...second])
}

function readTemplate(stage: Stage, kind: 'single' | 'pair'): readonly Piece[] {
  const { json, path } = stage
  const pieces = json[kind]
  if (kind === 'pair' && (pieces === undefined || pieces === null)) return JOINED
  if (!Array.isArray(pieces)) throw wrong(`${path}.${kind}`, pieces, 'a list of pieces')
  return pieces.map((one: unknown, index) => readPiece(stage, one, `${path}.${kind}[${index}]`, kind))
}

function readPiece({ json, path }: Stage, value: unknown, field: string, kind: 'single' | 'pair'): Piece {
  const { Sequence: sequence, SpecialToken: token } = isObject(value) ? value : {}
  if (isObject(sequence)) {
    const type = typeOf(sequence.type_id, `${field}.Sequence.type_id`)
    if (sequence.id === 'A') return piece(TEXT, type)
    if (sequence.id === 'B' && kind === 'pair') return piece(SECOND, type)
    throw wrong(`${field}.Sequence.id`, sequence.id, '"A": a single text has no second one')
  }
  if (!isObject(token) || typeof token.id !== 'string') {
    throw wrong(field, value, '{ "Sequence": … } or { "SpecialToken": … }')
  }
  const entry = isObject(json.special_tokens) ? json.special_tokens[token.id] : undefined
  const idsField = `${path}.special_tokens["${token.id}"].ids`
  if (!isObject(entry) || !Array.isArray(entry.ids)) throw wrong(idsField, entry, 'a list of ids')
  const ids = entry.ids.map((id: unknown, index) => checkTokenId(id, `${idsField}[${index}]`))
  return piece(ids, typeOf(token.type_id, `${field}.SpecialToken.type_id`))
}

function typeOf(value: unknown, field: string): number {
  if (value === undefined) return 0
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw wrong(field, value, 'a whole number from 0 on')
}

/** The id of a field `["[SEP]", 102]`. */
function readPairId({ json, path }: Stage, field: string): number {
  const pair = json[field]
  if (!Array.isArray(pair) || pair.length !== 2) throw wrong(`${path}.${field}`, pair, '[token, id]')
  return checkTokenId(pair[1], `${path}.${field}[1]`)
}
