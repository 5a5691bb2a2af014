import { expect, test } from 'vitest'
import { createPromptPace } from './prompt-pace.js'

const SHARED = { isShared: true }
const ALONE = { isShared: false }

test('parts of prompts that others wait for take about a tenth of a second, in steps of eight tokens', () => {
  const pace = createPromptPace()
  expect(pace.partOf(5000, SHARED)).toBe(64)
  pace.record(64, 320)
  expect(pace.partOf(5000, SHARED)).toBe(16)
  for (let round = 0; round < 20; round++) pace.record(16, 16)
  expect(pace.partOf(5000, SHARED)).toBe(96)
  pace.record(512, 1e6)
  for (let round = 0; round < 20; round++) pace.record(512, 1e6)
  expect(pace.partOf(5000, SHARED)).toBe(8)
  for (let round = 0; round < 40; round++) pace.record(512, 1)
  expect(pace.partOf(5000, SHARED)).toBe(512)
})

test('what nobody waits for is read in long parts', () => {
  const pace = createPromptPace()
  pace.record(64, 1e5)
  expect(pace.partOf(5000, ALONE)).toBe(512)
  expect(pace.partOf(5000, { ...ALONE, most: 256 })).toBe(256)
})

test('no part leaves a single token', () => {
  const pace = createPromptPace()
  expect([64, 65, 66].map((rest) => pace.partOf(rest, SHARED))).toEqual([64, 63, 64])
  expect([512, 513, 514].map((rest) => pace.partOf(rest, ALONE))).toEqual([512, 511, 512])
})

test('a few tokens say nothing about how long many take', () => {
  const pace = createPromptPace()
  pace.record(2, 1000)
  expect(pace.partOf(5000, SHARED)).toBe(64)
})
