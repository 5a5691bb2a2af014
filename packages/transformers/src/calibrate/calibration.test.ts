import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Calibration, createScratchStore, type HiddenStates } from '@hfquant/core'
import { knownArchitectures } from '@hfquant/models'
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
  return own.filter((name, index) => index === 0 || /window|longrope|pattern/.test(name))
})

/** Blocks that read more than hidden states, or are run several times, are refused; see createCalibration. */
const refused = folders.filter((name) => /^(gemma4|albert)/.test(name))

/** More tokens than any window, and than the first length of a longrope. */
const [SEQUENCES, TOKENS] = [2, 20]
const ids = Array.from({ length: SEQUENCES * TOKENS }, (_, at) => (at * 11 + 5) % 53)

/** Calibration that runs blocks in another way than the model does would fit weights to what they never see. */
test.each(folders.filter((name) => !refused.includes(name)))(
  'the blocks of %s, one by one, give what the whole gives',
  async (name) => {
    const opened = await openModel(golden(`architectures/${name}`), {})
    const store = createScratchStore(join(root, name))
    try {
      const { shell } = await fillModel(opened, store, {})
      const options = { threads: 1, tokenizer: async () => undefined, endToken: undefined }
      const calibration = createCalibration({ ...opened, shell }, [], options)!
      const inBlocks = await throughBlocks(calibration)
      await calibration.close()
      const { trace, model } = createTrace()
      const exact = { compute: 'exact', memory: 'auto', cacheDtype: 'float32' } as const
      const graph = lowerOnce({ model: opened.model, shell, ...exact }, { trace })
      const whole = graph.cut('whole', [], [model().end!])
      whole.output('hidden', model().end!, 'float32', HIDDEN_SHAPE)
      const session = await openPart(whole, (constant) => constant, threads)
      const feeds = {
        ...sideInputsOf(opened.model.facts)(whole, { sequences: SEQUENCES, tokens: TOKENS }),
        input_ids: int64(ids, [SEQUENCES, TOKENS]),
      }
      const { hidden } = await session.run(feeds, ['hidden'])
      await session.close()
      expect(largestDifference(inBlocks.data, hidden!.data as Float32Array)).toBeLessThan(1e-5)
    } finally {
      store.release()
      await opened.checkpoint.close()
    }
  },
)

test('layers that are run several times are refused', async () => {
  const opened = await openModel(golden('architectures/albert-sequence'), {})
  const options = { threads: 1, tokenizer: async () => undefined, endToken: undefined }
  try {
    const shell = opened.model.build('float32')
    expect(() => createCalibration({ ...opened, shell }, [], options)).toThrow(
      expect.objectContaining({
        code: 'CALIBRATION_SHARED_LAYERS',
        module: 'albert.encoder.albert_layer_groups.0.albert_layers.0',
      }),
    )
  } finally {
    await opened.checkpoint.close()
  }
})

async function throughBlocks(calibration: Calibration): Promise<HiddenStates> {
  let hidden = await calibration.embed(Int32Array.from(ids), SEQUENCES)
  await calibration.closeEmbedding()
  for (const path of calibration.blocks) {
    for (const { openOutput } of calibration.openBlock(path, { cut: true })) {
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
