import { expect, test } from 'vitest'
import { eachGroup } from './each-group.js'

test('groups are visited row by row, as views of the values', () => {
  const values = Float32Array.from({ length: 10 }, (_, index) => index)
  const rows = { first: 7, count: 2, at: (row: number) => values.subarray(row * 5, row * 5 + 5) }
  const found: (readonly [number, number[]])[] = []
  eachGroup(rows, 2, (members, index) => {
    found.push([index, [...members]])
    members.fill(0)
  })
  const groups = [[0, 1], [2, 3], [4], [5, 6], [7, 8], [9]]
  expect(found).toEqual(groups.map((members, index) => [index, members]))
  expect([...values]).toEqual(Array(10).fill(0))
})
