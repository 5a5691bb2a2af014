import { readdirSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Calibration,
  createScratchStore,
  type DeferredWeight,
  findModule,
  floatTensors,
  type HiddenStates,
  Linear,
  type Rescaling,
  type Shell,
  walkModules,
} from '@hfquant/core/runtime'
import { knownArchitectures, type ModelDescription } from '@hfquant/models'
import { createGraphThreads } from '@hfquant/onnx'
import { afterAll, expect, test } from 'vitest'
import { openModel } from '../auto/open/open-model.js'
import { fillModel } from '../auto/weights/fill-model.js'
import { golden, temporaryFolder } from '../export/testing/folders.fixture.js'
import { lowerOnce } from '../lower/lower-model.js'
import { HIDDEN_SHAPE, int64, openPart, sideInputsOf } from './block-session.js'
import { createCalibration } from './calibration.js'
import { createTrace } from './trace-blocks.js'

const root = await temporaryFolder()
const threads = createGraphThreads({ threads: 1, reuse: true })
afterAll(() => threads.close())

const configOf = (name: string) =>
  JSON.parse(readFileSync(golden(`architectures/${name}/config.json`), 'utf8'))
const all = readdirSync(golden('architectures'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

/** Of each family one that stands for it, and those whose layers want to know of windows and lengths. */
const folders = knownArchitectures().flatMap(({ names }) => {
  const own = all.filter((name) => names.includes(configOf(name).architectures?.[0]))
  return own.filter((name, index) => index === 0 || /window|longrope|pattern|gemma4/.test(name))
})

/** More tokens than any window, and than the first length of a longrope. */
const [SEQUENCES, TOKENS] = [2, 20]
const ids = Array.from({ length: SEQUENCES * TOKENS }, (_, at) => (at * 11 + 5) % 53)

/**
 * Calibration that runs blocks in another way than the model does would fit weights to what they never see, and a scale that
 * is not undone wherever it is read would make another model.
 */
test.each(folders)('the blocks of %s, one by one, give what the whole gives', async (name) => {
  const opened = await openModel(golden(`architectures/${name}`), {})
  const store = createScratchStore(join(root, name))
  try {
    const { shell } = await fillModel(opened, store, {})
    const options = { threads: 1, tokenizer: async () => undefined, endToken: undefined }
    const calibration = createCalibration({ ...opened, shell }, [], options)!
    const inBlocks = await throughBlocks(calibration)
    await calibration.close()
    const whole = await asWhole(opened.model, shell)
    expect(largestDifference(inBlocks.data, whole)).toBeLessThan(1e-5)
    // Channels that are divided where they are made, and multiplied where they are read.
    if (opened.model.rescalings.length === 0) return
    await rescale(shell, opened.model.rescalings)
    expect(largestDifference(await asWhole(opened.model, shell), whole)).toBeLessThan(2e-5)
  } finally {
    store.release()
    await opened.checkpoint.close()
  }
})

test('weights that are run twice are fitted to what they read in both runs', async () => {
  const twice = await openCalibration('albert-sequence', {})
  const [block] = twice.calibration.blocks
  const [stage] = block!.open({ cut: true })
  const name = (path: string) => path.split('albert_layers.0.')[1]
  expect(twice.calibration.blocks).toHaveLength(2)
  expect(stage!.levels.map(([group]) => group!.modules.map(name))).toEqual([
    ['attention.query', 'attention.key', 'attention.value'],
    ...[['attention.dense'], ['ffn'], ['ffn_output']],
  ])
  const before = await twice.calibration.embed(Int32Array.from(ids), SEQUENCES)
  const asked = { momentPanelRows: 128, magnitudes: true, sampleEvery: 3 }
  const pass = await stage!.openStatistics(stage!.levels[0]!, asked)
  expect(await pass.add({ ...before, data: before.data.slice() })).toEqual([])
  const [{ tokens, moments: [sums] = [], magnitudes, samples } = { tokens: 0 }] = await pass.finish()
  expect(tokens).toBe(2 * ids.length)
  await twice.close()

  // The same weights, each of which is run once.
  const once = await openCalibration('albert-sequence', { num_hidden_layers: 2 })
  const [{ openOutput } = {}] = once.calibration.blocks[0]!.open({ cut: false })
  const output = await openOutput!()
  const between = await output.run({ ...before, data: before.data.slice() })
  await output.close()
  await once.close()
  const width = before.shape[2]
  const read = [before, between].map(({ data }) => data)
  for (let row = 0; row < width; row++) {
    for (let column = 0; column <= row; column++) {
      let wanted = 0
      for (const data of read)
        for (let at = 0; at < data.length; at += width) wanted += data[at + row]! * data[at + column]!
      expect(sums![row * width + column]).toBeCloseTo(wanted, 3)
    }
    const column = read.flatMap((data) => [...data].filter((_, at) => at % width === row))
    expect(magnitudes![row]).toBeCloseTo(
      column.reduce((sum, value) => sum + Math.abs(value), 0),
      3,
    )
    const kept = column.filter((_, token) => token % 3 === 0)
    expect(samples!.length).toBe(kept.length * width)
    for (const [index, value] of kept.entries()) expect(samples![index * width + row]).toBeCloseTo(value, 4)
  }
})

test('weights that a table of distances passes through as well are fitted to tokens alone', async () => {
  const { calibration, close } = await openCalibration('deberta-v2-sequence', {})
  const [stage] = calibration.blocks[0]!.open({ cut: true })
  const pass = await stage!.openStatistics(stage!.levels[0]!, { magnitudes: true })
  expect(await pass.add(await calibration.embed(Int32Array.from(ids), SEQUENCES))).toEqual([])
  expect((await pass.finish()).map(({ tokens }) => tokens)).toEqual([ids.length])
  await close()
})

test('blocks that read tokens, without a word of it, are refused', async () => {
  const opened = await openModel(golden('architectures/llama'), {})
  const { model } = opened
  if (model.kind !== 'decoder') throw new TypeError('expected a decoder')
  const nosy: typeof model = {
    ...model,
    forward: (ops) =>
      model.forward({
        ...ops,
        block: (path, hidden, body) =>
          ops.block(path, hidden, (x, cut) =>
            body(ops.add(x, ops.embed('model.embed_tokens', ops.ids)), cut),
          ),
      }),
  }
  const options = { threads: 1, tokenizer: async () => undefined, endToken: undefined }
  try {
    const shell = model.build('float32')
    expect(() => createCalibration({ model: nosy, shell }, [], options)).toThrow(
      expect.objectContaining({ code: 'CALIBRATION_SIDE_INPUTS', module: 'model.layers.1' }),
    )
  } finally {
    await opened.checkpoint.close()
  }
})

/** The hidden states behind the last block. */
async function asWhole(description: ModelDescription, shell: Shell): Promise<Float32Array> {
  const { trace, model } = createTrace()
  const exact = { compute: 'exact', memory: 'auto', cacheDtype: 'float32' } as const
  const graph = lowerOnce({ model: description, shell, ...exact }, { trace })
  const whole = graph.cut('whole', [], [model().end!])
  whole.output('hidden', model().end!, 'float32', HIDDEN_SHAPE)
  const session = await openPart(whole, (constant) => constant, threads)
  const feeds = {
    ...sideInputsOf(description.facts)(whole, { sequences: SEQUENCES, tokens: TOKENS }),
    input_ids: int64(ids, [SEQUENCES, TOKENS]),
  }
  const { hidden } = await session.run(feeds, ['hidden'])
  await session.close()
  return hidden!.data as Float32Array
}

/** Divides and multiplies channels of a float model by factors from 1/2 to 2, all of which are powers of 2. */
async function rescale(shell: Shell, rescalings: readonly Rescaling[]): Promise<void> {
  const floats = floatTensors(shell)
  const factor = (channel: number) => 2 ** ((channel % 3) - 1)
  const change = async (name: string, changed: (value: number, at: number, count: number) => number) => {
    if (!floats.has(name)) return
    const values = await floats.read(name)
    await floats.write(
      name,
      values.map((value, at) => changed(value, at, values.length)),
    )
  }
  for (const { before, after } of rescalings) {
    const { path, kind, offset = 0 } = before
    const width = (findModule(shell.root, after[0]!) as Linear).inFeatures
    const columns = kind === 'norm' ? 1 : (findModule(shell.root, path) as Linear).inFeatures
    const divided = (value: number, channel: number) => (channel < 0 ? value : value / factor(channel))
    await change(`${path}.weight`, (value, at, count) => {
      const channel = Math.floor(at / columns) - (count / columns - width)
      return divided(value + offset, channel) - offset
    })
    await change(`${path}.bias`, (value, at, count) => divided(value, at - (count - width)))
    for (const reader of after) {
      expect(floats.has(`${reader}.weight`), reader).toBe(true)
      await change(`${reader}.weight`, (value, at) => value * factor(at % width))
    }
  }
}

/** Of a golden with another configuration; the weights of its blocks are wanted. */
async function openCalibration(name: string, change: object) {
  const folder = await mkdtemp(join(root, `${name}-`))
  await cp(golden(`architectures/${name}`), folder, { recursive: true })
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...configOf(name), ...change }))
  const opened = await openModel(folder, {})
  const store = createScratchStore(join(folder, 'store'))
  const { shell } = await fillModel(opened, store, {})
  const wanted = [...walkModules(shell.root)].flatMap(([path, module]) => {
    if (!(module instanceof Linear) || !module.slot.quantizable) return []
    const info = { path, inFeatures: module.inFeatures, outFeatures: module.outFeatures, dtype: 'float32' }
    return [{ module: { info, replaced: module }, source: opened.checkpoint.tensors.get(`${path}.weight`) }]
  }) as unknown as readonly DeferredWeight[]
  const options = { threads: 1, tokenizer: async () => undefined, endToken: undefined }
  const calibration = createCalibration({ ...opened, shell }, wanted, options)!
  return {
    calibration,
    async close() {
      await calibration.close()
      store.release()
      await opened.checkpoint.close()
    },
  }
}

async function throughBlocks(calibration: Calibration): Promise<HiddenStates> {
  let hidden = await calibration.embed(Int32Array.from(ids), SEQUENCES)
  await calibration.closeEmbedding()
  for (const block of calibration.blocks) {
    for (const { openOutput } of block.open({ cut: true })) {
      const pass = await openOutput!()
      hidden = await pass.run(hidden)
      await pass.close()
    }
  }
  return hidden
}

/** max |found − wanted| / max |wanted| */
function largestDifference(found: Float32Array, wanted: Float32Array): number {
  expect(found.length).toBe(wanted.length)
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return wanted.reduce((most, value, at) => Math.max(most, Math.abs(value - found[at]!)), 0) / largest
}
