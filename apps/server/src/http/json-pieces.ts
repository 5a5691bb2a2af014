import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'

/** Milliseconds of work between two looks at what else is there to do. */
const SLICE = 8

/** Headers of an answer that is written piece by piece. */
export const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }

/**
 * JSON of an object with one long list, written item by item: thousands of vectors in one go would keep the main thread
 * from everything else for a second.
 *
 * @param name of the list, which comes first.
 */
export const jsonPieces = <Item>(
  name: string,
  items: readonly Item[],
  write: (item: Item, index: number) => object,
  rest: object,
): Readable =>
  Readable.from(piecesOf(name, items, write, rest), { objectMode: false, highWaterMark: 64 * 1024 })

async function* piecesOf<Item>(
  name: string,
  items: readonly Item[],
  write: (item: Item, index: number) => object,
  rest: object,
): AsyncGenerator<string> {
  yield `{${JSON.stringify(name)}:[`
  let since = performance.now()
  for (const [index, item] of items.entries()) {
    yield (index === 0 ? '' : ',') + JSON.stringify(write(item, index))
    if (performance.now() - since < SLICE) continue
    await setImmediate()
    since = performance.now()
  }
  yield `],${JSON.stringify(rest).slice(1)}`
}
