import { expect, test } from 'vitest'
import { type ProgressInfo, progressListener } from './progress.js'

test('downloads are told file by file, and nothing else is', () => {
  const heard: ProgressInfo[] = []
  const listen = progressListener((info) => heard.push(info), 'org/name')
  const event = {
    stage: 'download',
    tensor: 'config.json',
    done: 0,
    total: 1,
    doneBytes: 50,
    totalBytes: 200,
  } as const
  listen({ ...event, stage: 'quantize', tensor: 'a.weight' })
  listen(event)
  listen({ ...event, done: 1, doneBytes: 200 })
  const file = { name: 'org/name', file: 'config.json' }
  expect(heard).toEqual([
    { status: 'initiate', ...file },
    { status: 'download', ...file },
    { status: 'progress', ...file, progress: 25, loaded: 50, total: 200 },
    { status: 'progress', ...file, progress: 100, loaded: 200, total: 200 },
    { status: 'done', ...file },
  ])
})
