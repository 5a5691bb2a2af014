import { expect, test } from 'vitest'
import { bucketOf, rowOf } from './relative-bias.js'

// As the Python library has them for these settings.
test('DeBERTa v3 keeps small distances, and takes ranges of larger ones', () => {
  const choice = { span: 256, farthest: 512 } as Parameters<typeof rowOf>[1]
  const ranges = [128, 129, 130, 150, 200, 256, 300, 400, 510].map(
    (distance) => rowOf(distance, choice) - 256,
  )
  expect(ranges).toEqual([128, 129, 130, 143, 169, 192, 207, 233, 255])
  expect(rowOf(-300, choice)).toBe(256 - 207)
  expect([600, 5000, -600, -5000].map((distance) => rowOf(distance, choice))).toEqual([511, 511, 0, 0])
})

test('without ranges each distance has a row, up to the last', () => {
  const choice = { span: 4, farthest: undefined } as Parameters<typeof rowOf>[1]
  expect([-9, -4, -1, 0, 3, 4, 9].map((distance) => rowOf(distance, choice))).toEqual([0, 0, 3, 4, 7, 7, 7])
})

test('MPNet has half of its ranges for keys behind the query', () => {
  const distances = [0, -1, -7, -8, -16, -127, -5000, 1, 7, 8, 200]
  const buckets = distances.map((distance) => bucketOf(distance, 32, 128))
  expect(buckets).toEqual([0, 1, 7, 8, 10, 15, 15, 17, 23, 24, 31])
})
