import { defineQuantizer, type MergedQuantization, type Shell, skip } from '@hfquant/core'
import { expect, test } from 'vitest'
import { includeHead } from './include-head.js'
import { int8Config } from './quantize-argument.js'

test('"int8" means nothing until a package has said what it stands for', async () => {
  await expect(int8Config()).rejects.toMatchObject({ code: 'INT8_UNAVAILABLE', name: 'EnvironmentError' })
})

test('a method that has no such choice does not quantize the head', () => {
  const backend = defineQuantizer<object>({
    specVersion: 1,
    revision: 1,
    quantMethod: 'nothing',
    parseConfig: () => ({}),
    formatConfig: () => ({}),
    formatFor: () => skip('is left alone'),
  })
  const merged: MergedQuantization = {
    ...{ method: 'nothing', config: backend(), backend },
    ...{ preQuantized: false, overridden: [], ignored: [] },
  }
  const shell = { ties: [], outputEmbedding: 'lm_head' } as unknown as Shell
  expect(() => includeHead(merged, shell, 'model')).toThrow(
    expect.objectContaining({ code: 'HEAD_UNAVAILABLE', module: 'lm_head' }),
  )
})
