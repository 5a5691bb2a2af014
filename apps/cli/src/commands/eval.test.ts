import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { demoModel } from 'hfquant/demo'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../testing/checkpoint.fixture.js'
import { golden, runCli } from '../testing/run-cli.fixture.js'

const root = temporaryFolder()
/** The temporary files of the command, so that the test sees what is left of them. */
const TMPDIR = temporaryFolder()

describe('eval', () => {
  it('measures models on the stories, each compared with the first', async () => {
    const out = join(root, 'int8')
    await runCli(['quantize', demoModel, out, '--recipe', 'int8-weight-only'])
    const { status, stdout } = await runCli(['eval', demoModel, out, '--stories', '10', '--json'], { TMPDIR })
    expect(status).toBe(0)
    const { rows, tokens } = JSON.parse(stdout)
    const [float, quantized] = rows
    expect(rows).toHaveLength(2)
    expect(tokens).toBeGreaterThan(900)
    expect(float).toMatchObject({
      model: demoModel,
      method: null,
      kl: 0,
      top1Agreement: 1,
      bytesOnDisk: 6_824_768,
    })
    expect(quantized).toMatchObject({ model: out, method: 'torchao' })
    for (const { loss, perplexity, tokensPerSecond, ...memory } of rows) {
      expect(perplexity).toBeCloseTo(Math.exp(loss), 10)
      expect(tokensPerSecond).toBeGreaterThan(0)
      const { anonymousBytes, fileBackedBytes, peakRssBytes } = memory
      expect(peakRssBytes).toBeGreaterThan(2 ** 20)
      if (process.platform === 'linux') {
        expect(Math.min(anonymousBytes, fileBackedBytes)).toBeGreaterThan(2 ** 20)
        expect(anonymousBytes + fileBackedBytes).toBeLessThanOrEqual(peakRssBytes)
      } else expect([anonymousBytes, fileBackedBytes]).toEqual([null, null])
    }
    expect(quantized.lossDifference).toBe(quantized.loss - float.loss)
    expect(float.lossDifference).toBe(0)
    expect(Math.abs(quantized.lossDifference)).toBeLessThan(0.01)
    expect(quantized.kl).toBeGreaterThan(0)
    expect(quantized.kl).toBeLessThan(0.001)
    expect(quantized.top1Agreement).toBeGreaterThan(0.95)
    expect(readdirSync(TMPDIR)).toEqual([])
  })

  /** The loss that PyTorch computes for the demo model in float32: 24198 predicted tokens. */
  it('agrees with the reference on all 200 stories', async () => {
    const { stdout } = await runCli(['eval', demoModel, '--compute', 'exact', '--json'])
    const { rows, tokens } = JSON.parse(stdout)
    expect(tokens).toBe(24_198)
    expect(Math.abs(rows[0].loss - 0.381351)).toBeLessThan(1e-4)
  })

  it('reads the paragraphs of a file, and cuts what is longer than the context', async () => {
    const file = join(root, 'text.txt')
    writeFileSync(file, `One morning.\n\n${'a girl had a lamp. '.repeat(200)}\r\n \r\nThe end.\n`)
    const { status, stdout } = await runCli(['eval', demoModel, '--text', file, '--json'])
    expect(status).toBe(0)
    expect(JSON.parse(stdout).sequences).toBe(3)
    expect(JSON.parse(stdout).tokens).toBeGreaterThan(600)
  })

  it('prints a table of any number of models, with the differences from the first', async () => {
    const [int8, int4] = [join(root, 'table-int8'), join(root, 'table-int4')]
    await runCli(['quantize', demoModel, int8, '--recipe', 'int8-weight-only'])
    await runCli(['quantize', demoModel, int4, '--recipe', 'int4-weight-only'])
    const { stdout } = await runCli(['eval', demoModel, int8, int4, '--stories', '5'])
    expect(stdout).toMatch(
      /^model +method +on disk +bits\/weight +loss +perplexity +vs first +KL +top-1 +tokens\/s +anonymous +files +peak\n/,
    )
    expect(stdout).toMatch(/ float +6\.8 MB +16\.00 +0\.\d{4} +1\.\d{3} +0\.0{6} /)
    expect(stdout).toMatch(/table-int8 +torchao +3\.7 MB +8\.13 +0\.\d{4} +1\.\d{3} +[+-]0\.\d{4} +0\.\d{6} /)
    expect(stdout).toMatch(
      /table-int4 +torchao +[\d.]+ MB +4\.25 +0\.\d{4} +1\.\d{3} +[+-]0\.\d{4} +0\.\d{6} /,
    )
  })

  it('refuses models with other tokens', async () => {
    const other = await runCli(['eval', demoModel, golden('architectures/llama'), '--json'])
    expect([other.status, JSON.parse(other.stdout).error.code]).toEqual([1, 'VOCABULARY_MISMATCH'])

    const renamed = join(root, 'renamed')
    cpSync(demoModel, renamed, { recursive: true })
    const path = join(renamed, 'tokenizer.json')
    const tokenizer = JSON.parse(readFileSync(path, 'utf8'))
    tokenizer.model.merges = tokenizer.model.merges.slice(0, 100)
    writeFileSync(path, JSON.stringify(tokenizer))
    const { stdout } = await runCli(['eval', demoModel, renamed, '--stories', '2', '--json'])
    expect(JSON.parse(stdout).error.code).toBe('TOKENIZER_MISMATCH')
  })

  it('says that a text cannot be read', async () => {
    const missing = await runCli(['eval', demoModel, '--text', join(tmpdir(), 'no-such-text'), '--json'])
    expect([missing.status, JSON.parse(missing.stdout).error.code]).toEqual([1, 'TEXT_UNREADABLE'])
  })
})
