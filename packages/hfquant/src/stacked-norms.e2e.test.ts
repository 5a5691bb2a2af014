import { join } from 'node:path'
import { readTensorFile, testFolder } from '@hfquant/testkit'
import { expect, test } from 'vitest'
import { AutoModelForCausalLM, recipe } from './index.js'
import { golden } from './testing/golden.fixture.js'

const folder = testFolder()
const source = golden('architectures/stablelm-qknorm')

test.each(['float', 'quantized'])(
  'norms that files keep head by head are saved so by a %s model',
  async (kind) => {
    const quantizationConfig = kind === 'float' ? undefined : await recipe('int8-weight-only')
    const saved = join(folder, kind)
    await using model = await AutoModelForCausalLM.fromPretrained(source, {
      ...(quantizationConfig && { quantizationConfig }),
    })
    await model.savePretrained(saved)
    const [before, after] = await Promise.all(
      [source, saved].map(async (path) => (await readTensorFile(join(path, 'model.safetensors'))).tensors),
    )
    const norms = [...before!].filter(([name]) => name.includes('_layernorm.norms.'))
    expect(norms).toHaveLength(6)
    for (const [name, tensor] of norms) expect([name, after!.get(name)]).toEqual([name, tensor])
    expect([...after!.keys()].filter((name) => /[qk]_layernorm\.weight$/.test(name))).toEqual([])
  },
)
