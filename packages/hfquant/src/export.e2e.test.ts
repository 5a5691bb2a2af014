import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import { AutoModelForCausalLM, type ExportModelOptions, exportModel, quantizeModel, recipe } from './index.js'

const root = await mkdtemp(join(tmpdir(), 'hfquant-export-'))
afterAll(() => rm(root, { recursive: true, force: true }))

const formats: readonly [options: ExportModelOptions, file: string][] = [
  [{ format: 'gguf', type: 'Q8_0', name: 'demo' }, ''],
  [{ format: 'onnx' }, 'onnx/model.onnx_data'],
]

/** In float32 restored weights are what they are; saving them in bfloat16 would round them. */
test.each(['nf4', 'int8-weight-only'])('%s: the export is that of the restored weights', async (name) => {
  const [quantized, restored] = [join(root, name), join(root, `${name}-restored`)]
  await quantizeModel(demoModel, quantized, { quantizationConfig: await recipe(name), dtype: 'float32' })
  await using model = await AutoModelForCausalLM.fromPretrained(quantized)
  await model.dequantize()
  await model.savePretrained(restored)
  for (const [options, file] of formats) {
    const [ours, expected] = [join(root, 'ours'), join(root, 'expected')]
    await exportModel(quantized, ours, options)
    await exportModel(restored, expected, options)
    const [found, wanted] = [await readFile(join(ours, file)), await readFile(join(expected, file))]
    expect(found.equals(wanted), options.format).toBe(true)
    await rm(ours, { recursive: true })
    await rm(expected, { recursive: true })
  }
})
