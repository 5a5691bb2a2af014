import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readTensorFile } from '@hfquant/testkit'
import { afterAll, expect, test } from 'vitest'
import { quantizeModel } from './index.js'
import { golden } from './testing/golden.fixture.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-int4-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

/** The header lists the names of all tensors; their order means nothing. */
const listed = ({ tensor_names: names = '[]', ...metadata }: Readonly<Record<string, string>>) => ({
  ...metadata,
  names: JSON.parse(names).sort(),
})

test('int4 of a float32 model has the tensors and the header that Python writes', async () => {
  const folder = (name: string) => golden(`torchao/int4-of-float32/${name}`)
  const { quantization_config: quantizationConfig } = JSON.parse(
    readFileSync(join(folder('python'), 'config.json'), 'utf8'),
  )
  await quantizeModel(folder('model'), join(parent, 'out'), { quantizationConfig })
  const [made, python] = await Promise.all(
    [join(parent, 'out'), folder('python')].map((of) => readTensorFile(join(of, 'model.safetensors'))),
  )
  // Whatever the dtype of the weights is, torchao writes its default, bfloat16, as that of the activations.
  expect(listed(made!.metadata)).toEqual(listed(python!.metadata))
  expect(made!.tensors).toEqual(python!.tensors)
})
