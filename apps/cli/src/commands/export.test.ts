import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { demoModel } from 'hfquant/demo'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../testing/checkpoint.fixture.js'
import { runCli } from '../testing/run-cli.fixture.js'

const root = temporaryFolder()

describe('export', () => {
  it('writes a GGUF file, and says what it wrote', async () => {
    const out = join(root, 'demo.gguf')
    const args = ['export', demoModel, out, '--format', 'gguf', '--type', 'q4_0', '--name', 'demo', '--json']
    const { status, stdout, stderr } = await runCli(args)
    expect(status).toBe(0)
    expect(stderr).toContain('100%')
    const file = readFileSync(out)
    expect(file.subarray(0, 4).toString()).toBe('GGUF')
    expect(JSON.parse(stdout)).toMatchObject({
      output: out,
      format: 'gguf',
      type: 'Q4_0',
      bytes: file.byteLength,
    })
  })

  it('writes an ONNX folder', async () => {
    const out = join(root, 'onnx')
    const { stdout } = await runCli(['export', demoModel, out, '--format', 'onnx'])
    expect(stdout).toMatch(/: onnx fp32, 14\.3 MB\npeak memory [\d.]+ MB · [\d.]+ s/)
    expect(existsSync(join(out, 'onnx', 'model.onnx_data'))).toBe(true)
  })

  it.each([
    [
      'a type of the other format',
      ['--format', 'onnx', '--type', 'Q4_0'],
      /^EXPORT_TYPE: .*fp32, fp16, q8, q4, q4f16 .*Q4_0 is a type of --format gguf\./,
    ],
    [
      'a type that no format has',
      ['--format', 'gguf', '--type', 'q4_k'],
      /^EXPORT_TYPE: --type is q4_k, expected F16, F32, Q8_0, Q4_0 for gguf\.$/m,
    ],
    ['an option of the other format', ['--format', 'onnx', '--name', 'x'], /^OPTIONS_EXCLUSIVE: --name/],
    ['no format', [], /^USAGE: required option '--format/],
  ])('refuses %s', async (_, args, line) => {
    const { status, stderr } = await runCli(['export', demoModel, join(root, 'never'), ...args])
    expect(status).toBe(2)
    expect(stderr).toMatch(line)
  })
})
