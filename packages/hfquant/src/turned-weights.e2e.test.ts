import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GPTQConfig } from '@hfquant/gptq'
import { decoderFamily, layerNorm, registerArchitecture } from '@hfquant/models'
import { openSafetensors, writeSafetensors } from '@hfquant/safetensors'
import { testFolder } from '@hfquant/testkit'
import { inspectModel } from '@hfquant/transformers'
import { expect, test } from 'vitest'
import { quantizeModel } from './index.js'
import { golden } from './testing/golden.fixture.js'
import { tensorDigests } from './testing/gptq.fixture.js'

const folder = testFolder()
const gpt2 = golden('architectures/gpt2')

/** GPT-2 as it would be if it stored its projections [out, in]. */
registerArchitecture(
  decoderFamily({
    names: ['RowsOfGPT2ForTesting'],
    modelTypes: ['rows_of_gpt2'],
    revision: 1,
    defaults: { tie_word_embeddings: true },
    choose: (read) => ({
      norm: layerNorm(read.number('layer_norm_epsilon')),
      attention: { projections: 'concatenated', bias: true, outputBias: true },
      mlp: { kind: 'plain', bias: true },
      input: { positionOffset: 0 },
      names: {
        ...{ base: 'transformer', embedding: 'wte', positions: 'wpe', layers: 'h', finalNorm: 'ln_f' },
        ...{ projections: 'attn.c_attn', output: 'attn.c_proj', up: 'mlp.c_fc', down: 'mlp.c_proj' },
        norms: { attentionIn: 'ln_1', mlpIn: 'ln_2' },
      },
    }),
  }),
)

/** The same weights the other way round. */
async function writeRows(): Promise<string> {
  const path = join(folder, 'rows')
  await mkdir(path)
  const config = JSON.parse(await readFile(join(gpt2, 'config.json'), 'utf8'))
  const rows = { ...config, architectures: ['RowsOfGPT2ForTesting'], model_type: 'rows_of_gpt2' }
  await writeFile(join(path, 'config.json'), JSON.stringify(rows))
  await using opened = await openSafetensors(join(gpt2, 'model.safetensors'))
  const tensors = []
  for (const [name, { dtype, shape }] of opened.tensors) {
    const data = await opened.read(name)
    const isTurned = /\.(c_attn|c_proj|c_fc)\.weight$/.test(name)
    tensors.push({ name, dtype, ...(isTurned ? turned(data, shape) : { shape, data }) })
  }
  await writeSafetensors(join(path, 'model.safetensors'), tensors)
  return path
}

function turned(data: Uint8Array, [rows, columns]: readonly number[]) {
  const values = new Float32Array(data.slice().buffer)
  const out = Float32Array.from(values, (_, at) => values[(at % rows!) * columns! + Math.floor(at / rows!)]!)
  return { shape: [columns!, rows!], data: new Uint8Array(out.buffer) }
}

test('GPTQ of weights stored [in, out] equals that of the same weights stored [out, in]', async () => {
  const dataset = Array.from({ length: 8 }, (_, row) =>
    Array.from({ length: 64 }, (_token, at) => (at * (row + 3) + row) % 100),
  )
  const columns = join(folder, 'columns')
  await mkdir(columns)
  for (const name of ['config.json', 'model.safetensors'])
    await copyFile(join(gpt2, name), join(columns, name))
  const digests = async (from: string) => {
    const quantizationConfig = new GPTQConfig({ bits: 4, groupSize: 32, dataset })
    await quantizeModel(from, `${from}-gptq`, { quantizationConfig })
    return tensorDigests(`${from}-gptq`)
  }
  const [fromColumns, fromRows] = [await digests(columns), await digests(await writeRows())]
  expect(fromColumns).toEqual(fromRows)
  expect(fromColumns.has('transformer.h.1.mlp.c_proj.qweight')).toBe(true)
  const kinds = (await inspectModel(columns)).modules.map(({ kind }) => kind)
  expect(new Set(kinds)).toEqual(new Set(['embedding', 'linear', 'other']))
})
