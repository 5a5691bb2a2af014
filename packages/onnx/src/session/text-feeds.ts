import { DECODER, ENCODER } from './decoder-ports.js'
import type { GraphTensor, TensorRecord } from './protocol.js'

/** One text of a run. */
export interface TextTokens {
  readonly ids: ArrayLike<number>
  /** As many; default 0 for each. */
  readonly types?: ArrayLike<number> | undefined
}

/**
 * What a graph is told of texts of any lengths. Their tokens stand in one column, text after text, so that nothing is
 * computed for padding; attention alone sees texts side by side, and is told where each of them ends.
 *
 * The column has an even number of rows, the last one twice if need be: some products compute rows in pairs.
 */
export function textFeeds(texts: readonly TextTokens[]): TensorRecord {
  const offsets = textOffsets(texts)
  const longest = Math.max(...texts.map(({ ids }) => ids.length))
  const count = offsets.at(-1)! + texts.at(-1)!.ids.length
  const rows = count + (count % 2)
  const [ids, types] = [new BigInt64Array(rows), new BigInt64Array(rows)]
  const places = new BigInt64Array(2 * rows) // text and token of each row
  const attended = new BigInt64Array(2 * texts.length * longest) // row of each token, and 0
  const positions = new BigInt64Array(texts.length * longest)
  for (const [text, { ids: own, types: ownTypes }] of texts.entries()) {
    const offset = offsets[text]!
    for (let token = 0; token < longest; token++) {
      const place = text * longest + token
      positions[place] = BigInt(token)
      // Behind the end of a text stands its first token, which nobody attends to there.
      attended[2 * place] = BigInt(offset + (token < own.length ? token : 0))
      if (token >= own.length) continue
      const row = offset + token
      ids[row] = BigInt(own[token]!)
      types[row] = BigInt(ownTypes?.[token] ?? 0)
      places[2 * row] = BigInt(text)
      places[2 * row + 1] = BigInt(token)
    }
  }
  if (rows > count) {
    for (const column of [ids, types]) column[count] = column[count - 1]!
    places.copyWithin(2 * count, 2 * count - 2, 2 * count)
  }
  const lasts = Int32Array.from(texts, ({ ids: own }) => own.length - 1)
  const int64 = (data: BigInt64Array, shape: readonly number[]): GraphTensor => ({
    dtype: 'int64',
    shape,
    data,
  })
  return {
    [DECODER.inputIds]: int64(ids, [rows, 1]),
    [ENCODER.tokenTypes]: int64(types, [rows, 1]),
    [DECODER.positionIds]: int64(positions, [texts.length, longest]),
    [DECODER.attendedRows]: int64(attended, [texts.length, longest, 2]),
    [DECODER.pairedTokens]: int64(places, [rows, 1, 2]),
    [DECODER.lastPosition]: { dtype: 'int32', shape: [texts.length], data: lasts },
    [DECODER.totalLength]: { dtype: 'int32', shape: [], data: Int32Array.of(longest) },
  }
}

/** The row of the first token of each text. */
export function textOffsets(texts: readonly TextTokens[]): readonly number[] {
  let offset = 0
  return texts.map(({ ids }) => {
    const own = offset
    offset += ids.length
    return own
  })
}
