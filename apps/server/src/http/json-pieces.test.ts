import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { jsonPieces } from './json-pieces.js'

it('writes the JSON of an object with its list first', async () => {
  const written = await text(jsonPieces('data', [1, 2], (value, index) => ({ index, value }), { model: 'm' }))
  expect(JSON.parse(written)).toEqual({
    data: [
      { index: 0, value: 1 },
      { index: 1, value: 2 },
    ],
    model: 'm',
  })
  expect(await text(jsonPieces('data', [], () => ({}), { model: 'm' }))).toBe('{"data":[],"model":"m"}')
})

it('lets others have their turn between items that take long', async () => {
  let turns = 0
  const ticking = setInterval(() => turns++, 1)
  const seen: number[] = []
  const busy = () => {
    for (const until = performance.now() + 10; performance.now() < until; );
    seen.push(turns)
    return {}
  }
  await text(jsonPieces('data', Array(10).fill(0), busy, { model: 'm' }))
  clearInterval(ticking)
  expect(new Set(seen).size).toBeGreaterThan(5)
})
