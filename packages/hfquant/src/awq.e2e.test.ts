import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { AwqConfig } from '@hfquant/awq'
import { testFolder } from '@hfquant/testkit'
import { expect, test } from 'vitest'
import { quantizeModel } from './index.js'
import { golden } from './testing/golden.fixture.js'
import { calibrationTokens, float, tensorDigests } from './testing/gptq.fixture.js'

const folder = testFolder()
const out = join(folder, 'model')

/** Quantizes the float golden straight into files, as the golden was. */
const quantize = async (more: Parameters<typeof quantizeModel>[2] | object = {}) =>
  quantizeModel(float, out, {
    quantizationConfig: new AwqConfig({ groupSize: 32, clip: true, dataset: await calibrationTokens() }),
    ...more,
  })

test('a run that was interrupted goes on at the first unfinished block, with the norms of those before', async () => {
  const stop = new AbortController()
  const onProgress = ({ stage, tensor }: { stage: string; tensor: string }) => {
    if (stage === 'calibrate' && tensor.startsWith('model.layers.1.')) stop.abort(new Error('enough'))
  }
  await expect(quantize({ signal: stop.signal, onProgress })).rejects.toThrow('enough')
  expect(readdirSync(folder)).not.toContain('model')
  const measured = new Set<string>()
  await quantize({
    onProgress({ tensor, seconds }: { tensor: string; seconds?: Record<string, number> }) {
      if (seconds?.statistics !== undefined) measured.add(tensor.split('.')[2]!)
    },
  })
  expect([...measured]).toEqual(['1'])
  const wanted = await tensorDigests(golden('awq/tiny-llama-awq-g32-linears'))
  // As the other tool made them, to the bit.
  expect(await tensorDigests(out)).toEqual(wanted)
})
