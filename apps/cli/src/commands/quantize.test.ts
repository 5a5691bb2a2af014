import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { demoModel } from 'hfquant/demo'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../testing/checkpoint.fixture.js'
import { runCli } from '../testing/run-cli.fixture.js'

const root = temporaryFolder()

describe('quantize', () => {
  it('writes a folder that is inspected and continued without being told that it is quantized', async () => {
    const out = join(root, 'int8')
    const limits = ['--workers', '1', '--max-in-flight', '1MiB', '--max-shard-size', '2MB']
    const made = await runCli([
      'quantize',
      demoModel,
      out,
      '--recipe',
      'int8-weight-only',
      '--json',
      ...limits,
    ])
    expect(made.stderr).toContain('100%')
    const summary = JSON.parse(made.stdout)
    expect(summary).toMatchObject({ output: out, method: 'torchao', bytesBefore: 6_820_352 })
    expect(summary.quantized).toContain('model.layers.3.mlp.down_proj')
    expect(summary.quantized).toHaveLength(28)
    expect(summary.skipped).toEqual([
      { module: 'lm_head', reason: expect.stringContaining('model.embed_tokens') },
    ])
    expect(summary.seconds).toBeGreaterThan(0)
    expect(summary.peakRssBytes).toBeGreaterThan(2 ** 20)

    const shards = readdirSync(out).filter((name) => name.endsWith('.safetensors'))
    expect(shards.length).toBeGreaterThan(1)
    const onDisk = shards.reduce((sum, name) => sum + statSync(join(out, name)).size, 0)
    expect(onDisk).toBeGreaterThan(summary.bytesAfter)
    expect(onDisk).toBeLessThan(1.01 * summary.bytesAfter)

    const inspected = JSON.parse((await runCli(['inspect', out, '--json'])).stdout)
    expect(inspected.method).toBe('torchao')
    expect(inspected.bitsPerWeight).toBeCloseTo(8.13, 1)
    const generated = await runCli([
      'generate',
      out,
      'One morning',
      '--max-new-tokens',
      '5',
      '--temperature',
      '0',
    ])
    expect(generated.stdout).toMatch(/^ a (girl|boy) named/)
  })

  it('prints what was quantized, what was kept and why, what it cost, and the next step', async () => {
    const out = join(root, 'summary')
    const { status, stdout } = await runCli(['quantize', demoModel, out, '--recipe', 'int8-weight-only'])
    expect(status).toBe(0)
    expect(stdout).toMatch(/39 modules, 6\.8 MB → 3\.7 MB/)
    expect(stdout).toMatch(/28 +quantized +to int8-weight-only \(torchao\)/)
    expect(stdout).toMatch(/1 +kept in float +lm_head: shares its weight/)
    expect(stdout).toMatch(/10 +kept in float +not linear layers/)
    expect(stdout).toMatch(/peak memory [\d.]+ MB · [\d.]+ s/)
    expect(stdout).toContain(`next: hfquant generate ${out} "Once upon a time"`)
  })

  it('says what it would do with --dry-run, and writes nothing', async () => {
    const out = join(root, 'dry')
    const args = ['quantize', demoModel, out, '--recipe', 'int8-weight-only', '--dry-run', '--json']
    const summary = JSON.parse((await runCli(args)).stdout)
    expect(summary).toMatchObject({ dryRun: true, bytesBefore: 6_820_352 })
    expect(summary.quantized).toHaveLength(28)
    expect(summary.bytesAfter).toBeLessThan(summary.bytesBefore)
    expect(existsSync(out)).toBe(false)
  })
})
