import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  Conv1D,
  Embedding,
  findModule,
  type GraphValue,
  type JsonObject,
  Linear,
  Module,
  type Shell,
} from '@hfquant/core'
import { GPTQConfig } from '@hfquant/gptq'
import { DECODER, type LoweringContext, lower } from '@hfquant/onnx'
import { writeSafetensors } from '@hfquant/safetensors'
import { type DecoderConfig, inspectModel, registerArchitecture } from '@hfquant/transformers'
import { expect, test } from 'vitest'
import { quantizeModel } from './index.js'
import { tensorDigests, testFolder } from './testing/gptq.fixture.js'

const [HIDDEN, INNER, VOCABULARY, LAYERS] = [64, 96, 40, 2]
const folder = testFolder()

interface Config extends DecoderConfig {
  readonly turned: boolean
}

/** A decoder without attention whose layers store [in, out] or [out, in], as config.json says. */
registerArchitecture<Config>({
  name: 'TurnedForTesting',
  parseConfig: (json: JsonObject) => ({
    vocabSize: VOCABULARY,
    maxPositions: 256,
    cache: { layers: 0, heads: 1, headSize: HIDDEN },
    turned: json.turned === true,
  }),
  build({ turned }, dtype): Shell {
    const layer = (inFeatures: number, outFeatures: number) =>
      turned
        ? new Conv1D(inFeatures, outFeatures, dtype)
        : new Linear(inFeatures, outFeatures, dtype, { bias: true })
    const root = new Module()
    const model = root.child('model', new Module())
    model.child('embed_tokens', new Embedding(VOCABULARY, HIDDEN, dtype))
    const layers = model.child('layers', new Module())
    for (let index = 0; index < LAYERS; index++) {
      const block = layers.child(String(index), new Module())
      block.child('up_proj', layer(HIDDEN, INNER))
      block.child('down_proj', layer(INNER, HIDDEN))
    }
    root.child('lm_head', new Linear(HIDDEN, VOCABULARY, dtype))
    const [inputEmbedding, outputEmbedding] = ['model.embed_tokens', 'lm_head']
    return { root, dtype, basePrefix: 'model', inputEmbedding, outputEmbedding, ties: [] }
  },
  lower(shell, _config, context: LoweringContext) {
    const { graph, trace } = context
    const at = (path: string, input: GraphValue) => lower(findModule(shell.root, path)!, path, input, context)
    let hidden = at('model.embed_tokens', graph.input(DECODER.inputIds, 'int64', ['B', 'S']))
    for (let index = 0; index < LAYERS; index++) {
      const path = `model.layers.${index}`
      trace?.blockBegins(path, hidden)
      const inner = graph.node('Tanh', [at(`${path}.up_proj`, hidden)])
      hidden = graph.node('Add', [hidden, at(`${path}.down_proj`, inner)])
    }
    trace?.blocksEnd(hidden)
    const rows = graph.node('Gather', [hidden, graph.input(DECODER.logitsRows, 'int64', ['R'])], {
      attributes: { axis: { int: 1 } },
    })
    graph.output(DECODER.logits, at('lm_head', rows), 'float32', ['B', 'R', VOCABULARY])
  },
})

/** The same weights in either order. */
async function writeModel(turned: boolean): Promise<string> {
  const path = join(folder, turned ? 'conv1d' : 'linear')
  await mkdir(path)
  const tensor = (name: string, rows: number, columns: number, isTurned = false) => {
    const valueAt = (row: number, column: number) =>
      Math.sin(1.7 * (row * columns + column) + name.length) / (1 + ((row + 3 * column) % 7))
    const shape = isTurned ? [columns, rows] : [rows, columns]
    const values = Float32Array.from({ length: rows * columns }, (_, index) => {
      const [first, second] = [Math.floor(index / shape[1]!), index % shape[1]!]
      return isTurned ? valueAt(second, first) : valueAt(first, second)
    })
    return { name, dtype: 'F32' as const, shape, data: new Uint8Array(values.buffer) }
  }
  const bias = (name: string, size: number) => ({ ...tensor(name, 1, size), shape: [size] })
  const layers = Array.from({ length: LAYERS }, (_, index) => {
    const [up, down] = ['up_proj', 'down_proj'].map((each) => `model.layers.${index}.${each}`)
    return [
      tensor(`${up}.weight`, INNER, HIDDEN, turned),
      bias(`${up}.bias`, INNER),
      tensor(`${down}.weight`, HIDDEN, INNER, turned),
      bias(`${down}.bias`, HIDDEN),
    ]
  })
  await writeSafetensors(join(path, 'model.safetensors'), [
    tensor('model.embed_tokens.weight', VOCABULARY, HIDDEN),
    ...layers.flat(),
    tensor('lm_head.weight', VOCABULARY, HIDDEN),
  ])
  const config = { architectures: ['TurnedForTesting'], turned, dtype: 'float32' }
  await writeFile(join(path, 'config.json'), JSON.stringify(config))
  return path
}

test('calibrated quantization of [in, out] weights equals that of the same weights stored [out, in]', async () => {
  const dataset = Array.from({ length: 8 }, (_, row) =>
    Array.from({ length: 64 }, (_token, at) => (at * (row + 3) + row) % VOCABULARY),
  )
  const [linear, conv1d] = [await writeModel(false), await writeModel(true)]
  const digests = async (from: string) => {
    const quantizationConfig = new GPTQConfig({ bits: 4, groupSize: 32, dataset })
    await quantizeModel(from, `${from}-gptq`, { quantizationConfig })
    return tensorDigests(`${from}-gptq`)
  }
  expect(await digests(conv1d)).toEqual(await digests(linear))
  expect((await tensorDigests(`${conv1d}-gptq`)).has('model.layers.1.down_proj.qweight')).toBe(true)
  const kinds = (await inspectModel(conv1d)).modules.map(({ kind }) => kind)
  expect(new Set(kinds)).toEqual(new Set(['embedding', 'linear']))
})
