import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { testFolder } from '@hfquant/testkit'
import { describe, expect, test, vi } from 'vitest'
import { quantize, tensorDigests } from './testing/gptq.fixture.js'

// Some tests calibrate several times, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 180_000 })

const folder = testFolder()
const at = (name: string): string => join(folder, name)

/** Blocks that are kept, and what is being written. */
const leftIn = (cache: string): string[] =>
  readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(calibrations|work)[/\\]/.test(name),
  )

describe('an interrupted run', () => {
  test('goes on at the first unfinished block and ends with the same bytes', async () => {
    await quantize(at('whole'), { groupSize: 16 })
    const stop = new AbortController()
    const seen: string[] = []
    const interrupted = quantize(
      at('parts'),
      { groupSize: 16 },
      {
        signal: stop.signal,
        onProgress({ stage, tensor }: { stage: string; tensor: string }) {
          if (stage !== 'calibrate') return
          seen.push(tensor)
          if (tensor.startsWith('model.layers.1.self_attn.o_proj')) stop.abort(new Error('enough'))
        },
      },
    )
    await expect(interrupted).rejects.toThrow('enough')
    expect(readdirSync(folder)).not.toContain('parts')
    const losses = new Map<string, number | undefined>()
    await quantize(
      at('parts'),
      { groupSize: 16 },
      {
        onProgress: ({ stage, tensor, loss }: { stage: string; tensor: string; loss?: number }) =>
          stage === 'calibrate' && losses.set(tensor, loss),
      },
    )
    // Blocks that were taken over have no loss to report.
    expect(losses.get('model.layers.0.self_attn.q_proj.weight')).toBeUndefined()
    expect(losses.get('model.layers.1.self_attn.q_proj.weight')).toBeGreaterThan(0)
    expect(await tensorDigests(at('parts'))).toEqual(await tensorDigests(at('whole')))
    expect(leftIn(at('cache'))).toEqual([])
  })

  test('hidden states beyond the limit lie in a file, without a difference', async () => {
    await quantize(at('spilled'), { groupSize: 16, maxHiddenBytes: 1 })
    expect(await tensorDigests(at('spilled'))).toEqual(await tensorDigests(at('whole')))
  })
})
