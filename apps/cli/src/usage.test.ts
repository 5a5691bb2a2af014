import { join } from 'node:path'
import { demoModel } from 'hfquant/demo'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from './testing/checkpoint.fixture.js'
import { runCli } from './testing/run-cli.fixture.js'

const COMMANDS = [
  ...[
    'quantize',
    'convert',
    'inspect',
    'generate',
    'serve',
    'entities',
    'embed',
    'classify',
    'eval',
    'export',
    'doctor',
  ],
]

describe('help', () => {
  it('lists every command', async () => {
    const { status, stdout } = await runCli(['--help'])
    expect(status).toBe(0)
    for (const command of [...COMMANDS, 'cache', 'help'])
      expect(stdout.match(new RegExp(`^  ${command} `, 'gm')), command).toHaveLength(1)
  })

  it.each([...COMMANDS, ...['ls', 'prune', 'rm'].map((name) => `cache ${name}`)])(
    'of %s has an example and the shared options',
    async (command) => {
      const { status, stdout, stderr } = await runCli([...command.split(' '), '--help'])
      expect(status).toBe(0)
      expect(stderr).toBe('')
      expect(stdout).toMatch(new RegExp(`Examples:\n {2}\\$ hfquant ${command}`))
      expect(stdout).toContain('--json')
    },
  )

  it('is also a command, for commands of any depth', async () => {
    const [all, one, nested] = await Promise.all(
      [['help'], ['help', 'generate'], ['help', 'cache', 'prune']].map((args) => runCli(args)),
    )
    expect([all!.status, all!.stdout]).toEqual([0, (await runCli(['--help'])).stdout])
    expect([one!.status, one!.stdout]).toEqual([0, (await runCli(['generate', '--help'])).stdout])
    expect(nested!.stdout).toContain('Usage: hfquant cache prune')
    const { status, stderr } = await runCli(['help', 'quantise'])
    expect([status, stderr]).toEqual([2, expect.stringContaining('Did you mean quantize?')])
  })

  it('is shown, as wrong usage, when no command is given', async () => {
    const { status, stdout, stderr } = await runCli([])
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain('Usage: hfquant')
  })
})

describe('wrong usage exits with 2 and says what is wrong in one line', () => {
  const out = join(temporaryFolder(), 'out')
  it.each([
    ['an unknown command', ['quantise'], /^USAGE: unknown command 'quantise' \(Did you mean quantize\?\)/],
    ['help of more than a command', ['help', 'inspect', demoModel], /^USAGE: inspect has no command '/],
    ['help of a command that removes', ['help', 'cache', 'rm', 'x'], /^USAGE: rm has no command 'x'/],
    ['help of an unknown command', ['help', 'cache', 'x'], /^USAGE: unknown command 'x'/],
    [
      'an unknown option',
      ['inspect', demoModel, '--jsno'],
      /^USAGE: unknown option '--jsno' \(Did you mean --json\?\)/,
    ],
    [
      'a text that begins with a dash',
      ['generate', demoModel, '- first'],
      /^USAGE: unknown option '- first'.* goes after "--"\.$/m,
    ],
    ['a missing argument', ['generate', demoModel], /^USAGE: missing required argument 'prompt'/],
    ['one argument too many', ['inspect', demoModel, 'b'], /^USAGE: too many arguments/],
    [
      'a missing recipe',
      ['quantize', demoModel, out],
      /^RECIPE_MISSING: neither --recipe nor --config says how to quantize\. Add --recipe with one of int8-weight-only, /,
    ],
    [
      'a recipe beside a config',
      ['quantize', demoModel, out, '--recipe', 'nf4', '--config', 'x.json'],
      /^OPTIONS_EXCLUSIVE: --config and --recipe cannot be given together/,
    ],
    [
      'an option of recipes beside a config',
      ['quantize', demoModel, out, '--config', 'x.json', '--sequence-length', '64'],
      /^OPTIONS_EXCLUSIVE: --config and --sequence-length/,
    ],
    [
      'texts for a recipe that reads none',
      ['quantize', demoModel, out, '--recipe', 'rtn-int4', '--calibration', 'x.txt'],
      /^OPTIONS_EXCLUSIVE: --calibration is given, and rtn-int4 does not calibrate/,
    ],
    [
      'a recipe that calibrates without texts, before the model is looked for',
      ['quantize', 'nobody/has-this-model', out, '--recipe', 'awq-int4'],
      /^CALIBRATION_MISSING: awq-int4 calibrates, and --calibration is not given\. Add --calibration .* recipe that needs none: .*rtn-int4/,
    ],
    ['a bad number', ['generate', demoModel, 'x', '--max-new-tokens', '1.5'], /^USAGE: .*'1.5' is invalid/],
    ['a negative temperature', ['generate', demoModel, 'x', '--temperature', '-1'], /^USAGE: .*at least 0/],
    [
      'a bad size',
      ['quantize', demoModel, out, '--recipe', 'x', '--max-in-flight', '64MX'],
      /^USAGE: .*64MiB/,
    ],
    [
      'a choice that is not offered',
      ['eval', demoModel, '--compute', 'slow'],
      /^USAGE: .*Allowed choices are fast, exact/,
    ],
    [
      'options that exclude each other',
      ['eval', demoModel, '--text', 'a', '--stories', '1'],
      /^OPTIONS_EXCLUSIVE: /,
    ],
    [
      'an unknown recipe',
      ['quantize', demoModel, out, '--recipe', 'int8-weight'],
      /^RECIPE_UNKNOWN: .*expected one of int8-weight-only, .*Did you mean "int8-weight-only"\?/,
    ],
    [
      'a recipe that is only begun',
      ['generate', demoModel, 'x', '--quantize', 'int8'],
      /^RECIPE_UNKNOWN: .*Did you mean "int8-weight-only"\?/,
    ],
    [
      'a precision for a recipe',
      ['generate', demoModel, 'x', '--quantize', 'fp16'],
      /^RECIPE_UNKNOWN: .*a precision, not a quantization: .*--dtype fp16\./,
    ],
    [
      'the model as its own output',
      ['quantize', demoModel, `${demoModel}/`, '--recipe', 'int8-weight-only'],
      /^OUTPUT_IS_INPUT: /,
    ],
    [
      'an output around the model',
      ['quantize', demoModel, join(demoModel, '..'), '--recipe', 'int8-weight-only'],
      /^OUTPUT_IS_INPUT: /,
    ],
  ])('%s', async (_, args, line) => {
    const { status, stdout, stderr } = await runCli(args)
    expect(stderr).toMatch(line)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect([status, stdout]).toEqual([2, ''])
  })

  it('and prints a JSON document if one was asked for', async () => {
    const { status, stdout } = await runCli(['inspect', '--json'])
    expect(status).toBe(2)
    expect(JSON.parse(stdout).error.code).toBe('USAGE')
  })
})
