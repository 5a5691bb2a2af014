import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { demoModel } from 'hfquant/demo'
import { expect, it } from 'vitest'
import { temporaryFolder } from './testing/checkpoint.fixture.js'
import { runCli, startCli } from './testing/run-cli.fixture.js'

const root = temporaryFolder()
const HFQUANT_CACHE = join(root, 'cache')
const weights = (folder: string) => readFileSync(join(folder, 'model.safetensors'))
const quantize = (out: string) => [
  ...['quantize', demoModel, join(root, out), '--recipe', 'gptq-int4-g32'],
  ...['--samples', '8', '--json'],
]

/** Blocks that a run has finished and would not make again. */
function finishedBlocks(): string[] {
  if (!existsSync(HFQUANT_CACHE)) return []
  try {
    const names = readdirSync(HFQUANT_CACHE, { recursive: true, encoding: 'utf8' })
    return names.filter((name) => /block-\d+$/.test(name))
  } catch {
    // A folder was removed while it was read.
    return []
  }
}

it('a calibration that was killed goes on at its first unfinished block, and writes the same bytes', async () => {
  const { child, ended } = startCli(quantize('out'), { HFQUANT_CACHE })
  while (finishedBlocks().length === 0 && child.exitCode === null) await setTimeout(5)
  child.kill('SIGKILL')
  expect((await ended).signal).toBe('SIGKILL')
  expect(existsSync(join(root, 'out'))).toBe(false)
  const kept = finishedBlocks().length
  expect(kept).toBeGreaterThan(0)
  expect(kept).toBeLessThan(4)

  expect((await runCli(quantize('out'), { HFQUANT_CACHE })).status).toBe(0)
  expect(finishedBlocks()).toEqual([])
  expect((await runCli(quantize('whole'), { HFQUANT_CACHE })).status).toBe(0)
  expect(Buffer.compare(weights(join(root, 'out')), weights(join(root, 'whole')))).toBe(0)
})
