import { expect, test } from 'vitest'
import { groupEntities } from './group-entities.js'

const grouped = (...entities: readonly string[]) =>
  groupEntities(
    entities.map((entity, index) => ({
      ...{ entity, index, score: 1, word: String(index) },
      ...{ start: index, end: index + 1 },
    })),
  ).map(({ tag, tokens }) => `${tag}:${tokens.map(({ word }) => word).join('')}`)

test.each([
  [
    ['B-PER', 'I-PER', 'B-PER'],
    ['PER:01', 'PER:2'],
  ],
  [
    ['I-PER', 'I-PER', 'I-LOC', 'I-LOC'],
    ['PER:01', 'LOC:23'],
  ],
  [
    ['B-PER', 'I-LOC', 'I-PER'],
    ['PER:0', 'LOC:1', 'PER:2'],
  ],
  [
    ['B-PER', 'E-PER', 'I-PER'],
    ['PER:01', 'PER:2'],
  ],
  [
    ['S-PER', 'I-PER', 'S-PER'],
    ['PER:0', 'PER:1', 'PER:2'],
  ],
  [
    ['E-PER', 'I-PER', 'E-PER', 'E-PER'],
    ['PER:012', 'PER:3'],
  ],
  [
    ['PER', 'PER', 'I-PER', 'LOC'],
    ['PER:012', 'LOC:3'],
  ],
  [[], []],
])('%j are %j', (entities, groups) => {
  expect(grouped(...entities)).toEqual(groups)
})
