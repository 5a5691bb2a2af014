import { inspectModel } from 'hfquant'
import { expect, it } from 'vitest'
import { bitsPerWeight } from './bits-per-weight.js'
import { golden } from './testing/run-cli.fixture.js'

it('counts a quantized table once that is the output matrix, too', async () => {
  const inspection = await inspectModel(golden('gguf/tiny-gemma3-q4_0/model.gguf'))
  const quantized = inspection.tensors.filter(({ dtype }) => dtype === 'uint8')
  const bytes = quantized.reduce((sum, { shape: [rows, columns] }) => sum + rows! * columns!, 0)
  const inFloat = inspection.modules.filter((module) => !module.quantized)
  const floats = inFloat.reduce((sum, { weightElements }) => sum + weightElements, 0)
  expect(inspection.modules.filter(({ isTied }) => isTied).map(({ name }) => name)).toEqual(['lm_head'])
  expect(inspection.parameters).toBe(156_160)
  expect(bitsPerWeight(inspection)).toBe((8 * bytes) / (156_160 - floats))
})
