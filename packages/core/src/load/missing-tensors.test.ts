import { expect, test } from 'vitest'
import type { Checkpoint } from './checkpoint.js'
import { missingTensors } from './missing-tensors.js'

test('names of files are quoted as in all messages: escaped, and cut where they have no end', () => {
  const names = ['norm"\u202e.weight', 'x'.repeat(10_000)]
  const tensors = new Map(names.map((name) => [name, {}]))
  const checkpoint = {
    folder: 'model',
    files: ['a.bin'],
    absent: new Map(),
    tensors,
  } as unknown as Checkpoint
  const { message } = missingTensors(['model.norm.weight'], checkpoint)
  expect(message).toContain('"norm\\"\\u202e.weight"')
  expect(message.length).toBeLessThan(1000)
})
