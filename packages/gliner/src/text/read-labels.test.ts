import { expect, test } from 'vitest'
import { type Labels, readLabels } from './read-labels.js'

const read = (labels: unknown, texts = 2): unknown => {
  try {
    return readLabels(labels as Labels, texts, '<<ENT>>')
  } catch (error) {
    return error
  }
}

test('labels count once each, for all texts or for each text, and one alone needs no list', () => {
  expect(read(['b', 'a', 'b'])).toEqual([
    ['b', 'a'],
    ['b', 'a'],
  ])
  expect(read([['a', 'a'], []])).toEqual([['a'], []])
  expect(read('a b', 1)).toEqual([['a b']])
  expect(read([], 1)).toEqual([[]])
})

test.each([
  [undefined, 'LABELS_TYPE', 'labels'],
  [[1], 'LABELS_TYPE', 'labels[0]'],
  [[['a'], 'b'], 'LABELS_TYPE', 'labels[1]'],
  [[['a'], [null]], 'LABELS_TYPE', 'labels[1][0]'],
  [[['a']], 'LABELS_COUNT', 'labels'],
  [['a', '<<ENT>>'], 'LABEL_RESERVED', 'labels'],
])('%j is refused', (labels, code, field) => {
  expect(read(labels)).toMatchObject({ name: 'ConfigError', code, field, hint: expect.any(String) })
})
