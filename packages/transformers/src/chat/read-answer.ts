import type { FinishReason, GeneratedPiece, GenerationUsage } from '../auto/decoder/generate-text.js'
import { createStopStrings } from '../generate/index.js'
import type { AnswerEvent } from './answer-event.js'
import { type ChatAnswerReader, createAnswerReader } from './answer-reader.js'
import type { AnswerPlan } from './plan-answer.js'

export interface AnswerReading {
  readonly plan: Pick<AnswerPlan, 'reader' | 'endsWithCall'>
  /** Strings that end the content; empty where the model looks for them itself. */
  readonly stop: readonly string[]
  /** Of an answer that is ended here, before the model does. */
  usage(completionTokens: number): GenerationUsage
}

/** Why an answer ends: `tool_calls` whenever it has a complete one. */
export type AnswerFinish = FinishReason | 'tool_calls'

export interface AnswerUsage extends GenerationUsage {
  /** Of the completion tokens, those up to the end of the reasoning. */
  readonly reasoningTokens: number
}

/** What one token adds to an answer. */
export interface AnswerToken {
  readonly piece: GeneratedPiece
  /** Where it stands; the markers belong to what they enclose. */
  readonly place: ChatAnswerReader['place']
  /** What its text, and text that was held back before it, turned out to be. */
  readonly events: readonly AnswerEvent[]
  /** Of the last token of an answer, and of no other. */
  readonly finish?: AnswerFinish
  readonly stopString?: string
  readonly usage?: AnswerUsage
}

/** Tells apart what a model writes: one entry for each of its tokens. The model is stopped where the answer ends before. */
export async function* readAnswer(
  pieces: AsyncIterable<GeneratedPiece>,
  { plan, stop, usage: usageSoFar }: AnswerReading,
): AsyncGenerator<AnswerToken> {
  const reader = createAnswerReader(plan.reader)
  const cut = createCut(stop, plan.endsWithCall)
  const counts = { tokens: 0, reasoning: 0 }
  for await (const piece of pieces) {
    const before = reader.place
    const read = reader.push(piece.text)
    const place = placeOf(before, reader.place)
    counts.tokens++
    if (place === 'reasoning') counts.reasoning++
    const isOver = piece.finish !== undefined
    const events = cut.add(isOver ? [...read, ...reader.end()] : read, isOver)
    const stopString = cut.stopString ?? piece.stopString
    const finish = cut.isComplete ? 'stop' : piece.finish
    if (finish === undefined) {
      yield { piece, place, events }
      continue
    }
    yield {
      ...{ piece, place, events },
      finish: cut.hasCalls ? 'tool_calls' : finish,
      ...(stopString !== undefined && { stopString }),
      usage: { ...(piece.usage ?? usageSoFar(counts.tokens)), reasoningTokens: counts.reasoning },
    }
    return
  }
}

type Place = AnswerToken['place']

/** Of a token, by the places before and behind it. */
function placeOf(before: Place, after: Place): Place {
  if (before === 'reasoning' || after === 'reasoning') return 'reasoning'
  return before === 'call' || after === 'call' ? 'call' : 'content'
}

/** Ends an answer at a stop string in its content, or behind its first call. */
function createCut(stop: readonly string[], endsWithCall: boolean) {
  const stops = createStopStrings(stop)
  let stopString: string | undefined
  let calls = 0
  let isComplete = false
  const content = (text: string): AnswerEvent[] => (text === '' ? [] : [{ type: 'content', text }])
  const addOne = (event: AnswerEvent): AnswerEvent[] => {
    if (event.type === 'content') {
      const found = stops.push(event.text)
      stopString = found.stop
      isComplete = found.stop !== undefined
      return content(found.emit)
    }
    if (event.type === 'tool-call-end') {
      calls++
      isComplete = endsWithCall
    }
    return [...content(stops.flush()), event]
  }
  return {
    get stopString() {
      return stopString
    },
    get isComplete() {
      return isComplete
    },
    get hasCalls() {
      return calls > 0
    },
    add(events: readonly AnswerEvent[], isOver: boolean): readonly AnswerEvent[] {
      const kept: AnswerEvent[] = []
      for (const event of events) {
        kept.push(...addOne(event))
        if (isComplete) return kept
      }
      return isOver ? [...kept, ...content(stops.flush())] : kept
    },
  }
}
