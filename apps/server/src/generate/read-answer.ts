import { type AnswerReading, type GeneratedPiece, readAnswer as read } from 'hfquant'
import { type AnswerPart, contentOf } from './answer-parts.js'
import { createLogprobHold } from './logprob-hold.js'

/** Tells apart what a model writes: one part for each of its tokens. The model is stopped where the answer ends before. */
export async function* readAnswer(
  pieces: AsyncIterable<GeneratedPiece>,
  { tokenBytes, ...reading }: AnswerReading & { tokenBytes(id: number): Uint8Array },
): AsyncGenerator<AnswerPart> {
  const release = createLogprobHold(tokenBytes)
  for await (const { piece, place, ...part } of read(pieces, reading)) {
    yield {
      ...part,
      logprobs: release(piece, {
        place: place === 'content' ? 'content' : 'elsewhere',
        content: contentOf(part.events),
        isLast: part.finish !== undefined,
        stopString: part.stopString ?? piece.stopString,
      }),
    }
  }
}
