import { cpSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { demoModel } from 'hfquant/demo'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from './testing/checkpoint.fixture.js'
import { golden, runCli, runShell } from './testing/run-cli.fixture.js'

const root = temporaryFolder()
let folders = 0

/** A copy of the demo model, to be damaged. */
function copyOfDemo(): string {
  const folder = join(root, `model-${++folders}`)
  cpSync(demoModel, folder, { recursive: true })
  return folder
}

function withConfig(changes: object): string {
  const folder = copyOfDemo()
  const path = join(folder, 'config.json')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...changes }))
  return folder
}

function truncated(): string {
  const folder = copyOfDemo()
  truncateSync(join(folder, 'model.safetensors'), 1_000_000)
  return folder
}

describe('a model that cannot be quantized', () => {
  it.each([
    ['a missing folder', () => './no-such-folder', 'MODEL_FOLDER_MISSING'],
    ['a folder without config.json', () => root, 'CONFIG_MISSING'],
    ['a model that is not in the cache, offline', () => 'organisation/name', 'HUB_NOT_CACHED'],
    [
      'an unknown architecture',
      () => withConfig({ architectures: ['Frobnicator'], model_type: 'frob' }),
      'ARCHITECTURE_UNKNOWN',
    ],
    [
      'an unknown quant_method',
      () => withConfig({ quantization_config: { quant_method: 'frob' } }),
      'QUANT_METHOD_UNKNOWN',
    ],
    ['a file cut short', truncated, 'SAFETENSORS_TRUNCATED'],
    ['weights of another shape', () => withConfig({ intermediate_size: 512 }), 'TENSOR_MISMATCH'],
    [
      'a model that is quantized already',
      () => golden('torchao/tiny-llama/int8-weight-only'),
      'MODEL_QUANTIZED',
    ],
  ])('%s: one line, exit status 1, nothing written', async (_, make, code) => {
    const parent = join(root, `parent-${++folders}`)
    mkdirSync(parent)
    const args = ['quantize', make(), join(parent, 'out'), '--recipe', 'int8-weight-only', '--json']
    const { status, stdout, stderr } = await runCli(args, { HF_HOME: root })
    const lines = stderr.trimEnd().split('\n')
    expect(lines.filter((line) => !line.startsWith('info: '))).toHaveLength(1)
    const { error } = JSON.parse(stdout)
    expect([status, error.code]).toEqual([1, code])
    expect(stderr).toContain(`${code}: ${error.message}`)
    expect(stderr).toContain(error.hint)
    expect(readdirSync(parent)).toEqual([])
  })

  it('shows the stack trace with --verbose only', async () => {
    const args = ['inspect', './no-such-folder']
    expect((await runCli(args)).stderr).not.toMatch(/\n +at /)
    expect((await runCli([...args, '--verbose'])).stderr).toMatch(/\n +at /)
  })
})

describe('a warning', () => {
  it.each([
    ['generate', (folder: string) => [folder, 'One', '--max-new-tokens', '1']],
    ['inspect', (folder: string) => [folder]],
    [
      'quantize',
      (folder: string) => [folder, join(root, `out-${++folders}`), '--recipe', 'int8-weight-only'],
    ],
    ['eval', (folder: string) => [folder, '--stories', '1']],
  ])('of %s is one plain line', async (command, args) => {
    const { status, stderr } = await runCli([command, ...args(withConfig({ num_hidden_layers: 3 }))])
    expect(status).toBe(0)
    expect(stderr.match(/^.*warning.*$/gim)).toEqual([
      expect.stringMatching(
        /^warning: 9 tensors of the checkpoint have no place in the model: model\.layers\.3\./,
      ),
    ])
  })
})

describe.runIf(process.platform === 'linux')('standard output that is full', () => {
  it.each([
    ['inspect', demoModel],
    ['inspect', demoModel, '--json'],
    ['doctor', '--help'],
  ])('is an error of one line: %s %s', async (...args) => {
    const { status, stderr } = await runShell('exec "$@" > /dev/full', args)
    expect(stderr.trimEnd()).toMatch(/^DISK_FULL: cannot write to standard output: ENOSPC\. [^\n]+$/)
    expect(status).toBe(1)
  })
})

// Windows has no limit for the size of files.
describe.runIf(process.platform !== 'win32')('a write that fails', () => {
  it('is an error with a code, and leaves nothing behind', async () => {
    const parent = join(root, `parent-${++folders}`)
    mkdirSync(parent)
    const script = `trap '' XFSZ; ulimit -f 200; exec "$@"`
    const args = ['quantize', demoModel, join(parent, 'out'), '--recipe', 'int8-weight-only']
    const { status, stdout, stderr } = await runShell(script, args)
    expect(stderr).toMatch(/^(DISK_FULL|OUTPUT_FAILED): cannot write /m)
    expect([status, stdout]).toEqual([1, ''])
    expect(readdirSync(parent)).toEqual([])
  })

  it.each([
    ['nothing of it is an error with a code', 200, [1, ''], /^DISK_FULL: cannot write /m],
    ['only a part of it is kept for one process', 18_000, [0, ' a girl'], /^warning: .* is not kept /m],
  ])('a compiled model of which the disk holds %s', async (_, kibibytes, result, message) => {
    const cache = join(root, `cache-${++folders}`)
    const script = `trap '' XFSZ; ulimit -f ${kibibytes}; HFQUANT_CACHE=${cache} exec "$@"`
    const args = ['generate', demoModel, 'One morning', '--max-new-tokens', '2']
    const { status, stdout, stderr } = await runShell(script, args)
    expect([status, stdout.trimEnd()]).toEqual(result)
    expect(stderr).toMatch(message)
    expect(readdirSync(join(cache, readdirSync(cache)[0]!, 'work'))).toEqual([])
  })
})
