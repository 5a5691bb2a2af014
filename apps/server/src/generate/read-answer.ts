import {
  type AnswerEvent,
  createAnswerReader,
  createStopStrings,
  type GeneratedPiece,
  type GenerationUsage,
} from 'hfquant'
import { type AnswerPart, contentOf, type FinishReason } from './answer-parts.js'
import { createLogprobHold } from './logprob-hold.js'
import type { AnswerPlan } from './plan-answer.js'

export interface AnswerReading {
  readonly plan: Pick<AnswerPlan, 'reader' | 'endsWithCall'>
  /** Strings that end the content; empty where the model looks for them itself. */
  readonly stop: readonly string[]
  tokenBytes(id: number): Uint8Array
  /** Of an answer that is ended here, before the model does. */
  usage(completionTokens: number): GenerationUsage
}

/** Tells apart what a model writes: one part for each of its tokens. The model is stopped where the answer ends before. */
export async function* readAnswer(
  pieces: AsyncIterable<GeneratedPiece>,
  { plan, stop, tokenBytes, usage: usageSoFar }: AnswerReading,
): AsyncGenerator<AnswerPart> {
  const reader = createAnswerReader(plan.reader)
  const cut = createCut(stop, plan.endsWithCall)
  const release = createLogprobHold(tokenBytes)
  const counts = { tokens: 0, reasoning: 0 }
  for await (const piece of pieces) {
    const before = reader.place
    const read = reader.push(piece.text)
    const after = reader.place
    counts.tokens++
    const isReasoning = before === 'reasoning' || after === 'reasoning'
    if (isReasoning) counts.reasoning++
    const isOver = piece.finish !== undefined
    const events = cut.add(isOver ? [...read, ...reader.end()] : read, isOver)
    const stopString = cut.stopString ?? piece.stopString
    const finish = cut.isComplete ? 'stop' : piece.finish
    const part = {
      events,
      logprobs: release(piece, {
        place: isReasoning || after === 'call' || before === 'call' ? 'elsewhere' : 'content',
        content: contentOf(events),
        isLast: finish !== undefined,
        stopString,
      }),
    }
    if (finish === undefined) {
      yield part
      continue
    }
    yield {
      ...part,
      finish: cut.hasCalls ? 'tool_calls' : (finish satisfies FinishReason),
      ...(stopString !== undefined && { stopString }),
      usage: { ...(piece.usage ?? usageSoFar(counts.tokens)), reasoningTokens: counts.reasoning },
    }
    return
  }
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
