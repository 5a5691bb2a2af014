import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GPTQConfig } from '@hfquant/gptq'
import { testFolder } from '@hfquant/testkit'
import { describe, expect, test, vi } from 'vitest'
import { AutoModelForCausalLM } from './index.js'
import { largestDifference, readFloats } from './testing/golden.fixture.js'
import {
  actOrder,
  allTensors,
  calibrationTokens,
  float,
  logitsOf,
  quantizationOf,
  quantize,
  symmetric,
} from './testing/gptq.fixture.js'

// Some tests calibrate several times, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 180_000 })

const folder = testFolder()
const at = (name: string): string => join(folder, name)

describe('quantizing the float golden with its own calibration tokens', () => {
  /** Codes that differ, as a share of the weights of the worst module. */
  async function worstModule(ours: string, theirs: string, bits: number): Promise<number> {
    const [found, wanted] = [await allTensors(ours), await allTensors(theirs)]
    const shares = [...wanted].flatMap(([name, { bytes }]) => {
      if (!name.endsWith('.qweight')) return []
      const other = found.get(name)!.bytes
      let different = 0
      for (let i = 0; i < bytes.length; i++) {
        for (let shift = 0; shift < 8; shift += bits) {
          if (((bytes[i]! ^ other[i]!) >> shift) & (2 ** bits - 1)) different += 1
        }
      }
      return [(different * bits) / 8 / bytes.length]
    })
    expect(shares.length).toBe(14)
    return Math.max(...shares)
  }

  test('reproduces the act-order checkpoint, up to 1 % of the codes of a module', async () => {
    await quantize(at('again-act'), { sym: false, descAct: true, referenceSymmetric: true })
    expect(await worstModule(at('again-act'), actOrder, 4)).toBeLessThan(0.01)
  })

  test('reproduces the symmetric checkpoint, and its logits', async () => {
    await quantize(at('again-sym'), { groupSize: 64, referenceSymmetric: true })
    const out = at('again-sym')
    expect(await worstModule(out, symmetric, 4)).toBeLessThan(0.01)
    const expected = await readFloats(join(symmetric, 'expected.safetensors'), 'logits')
    expect(largestDifference(await logitsOf(out), expected)).toBeLessThan(0.05)
  })

  test('writes the configuration of the spec, without a trace of the calibration data', async () => {
    const out = at('again-sym')
    const saved = await quantizationOf(out)
    expect(saved).toEqual({
      quant_method: 'gptq',
      bits: 4,
      group_size: 64,
      desc_act: false,
      sym: true,
      lm_head: false,
      format: 'gptq',
      checkpoint_format: 'gptq',
      pack_dtype: 'int32',
      meta: {
        quantizer: [expect.stringMatching(/^hfquant:/)],
        damp_percent: 0.01,
        damp_auto_increment: 0.01,
        static_groups: false,
        true_sequential: true,
        mse: 0,
        act_group_aware: false,
      },
    })
    expect(JSON.parse(await readFile(join(out, 'quantize_config.json'), 'utf8'))).toEqual(saved)
    expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8')).torch_dtype).toBe('float16')
  })

  test('is the same by way of fromPretrained and savePretrained, and for any number of workers and threads', async () => {
    const reference = await allTensors(at('again-sym'))
    const quantizationConfig = new GPTQConfig({
      bits: 4,
      groupSize: 64,
      dampPercent: 0.01,
      actGroupAware: false,
      referenceSymmetric: true,
      dataset: await calibrationTokens(),
    })
    await using model = await AutoModelForCausalLM.fromPretrained(float, {
      quantizationConfig,
      workers: 3,
      threads: 1,
    })
    await model.savePretrained(at('by-load'))
    expect(await allTensors(at('by-load'))).toEqual(reference)
  })
})
