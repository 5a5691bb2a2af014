import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import { recipe } from './index.js'
import { divergence, logProbabilities } from './testing/divergence.fixture.js'

/** The demo model, trained some hundred steps more by demo-model/train-qat.py: torchao's fake quantization. */
const trained = join(dirname(demoModel), 'demo-model-qat')

test('Quantization-aware training closes at least half of the gap that rounding leaves', async () => {
  const float = await logProbabilities(demoModel)
  const quantizationConfig = await recipe('int8-dynamic-act-int4-weight')
  const rounded = divergence(float, await logProbabilities(demoModel, { quantizationConfig }))
  const aware = divergence(float, await logProbabilities(trained, { quantizationConfig }))
  expect(rounded).toBeGreaterThan(1e-4)
  expect(aware).toBeLessThan(rounded / 2)
})
