import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { demoModel } from 'hfquant/demo'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../testing/checkpoint.fixture.js'
import { golden, runCli } from '../testing/run-cli.fixture.js'

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

  it('takes a config instead of a recipe: a block, or a file that has one', async () => {
    const byRecipe = join(root, 'by-recipe')
    await runCli(['quantize', demoModel, byRecipe, '--recipe', 'int4-weight-only'])
    const { quantization_config } = JSON.parse(readFileSync(join(byRecipe, 'config.json'), 'utf8'))
    const block = join(root, 'block.json')
    writeFileSync(block, JSON.stringify(quantization_config))
    for (const [name, file] of [
      ['by-block', block],
      ['by-model', join(byRecipe, 'config.json')],
    ] as const) {
      const out = join(root, name)
      const { status, stdout } = await runCli(['quantize', demoModel, out, '--config', file])
      expect(status).toBe(0)
      expect(stdout).toMatch(/28 +quantized +with torchao/)
      for (const written of ['model.safetensors', 'config.json']) {
        expect(readFileSync(join(out, written)).equals(readFileSync(join(byRecipe, written)))).toBe(true)
      }
    }
  })

  it.each([
    ['a file that is not there', undefined, 'CONFIG_UNREADABLE', 'no-such.json'],
    ['text', 'no JSON', 'CONFIG_INVALID', 'bad.json'],
    ['a list', '[1]', 'CONFIG_INVALID', 'bad.json'],
    ['no method', '{}', 'QUANT_METHOD_MISSING', 'bad.json: the quantization config has no quant_method'],
    ['an unknown method', '{"quant_method": "frob"}', 'QUANT_METHOD_UNKNOWN', 'bad.json'],
    ['a bad field', '{"quant_method": "torchao", "quant_type": 4}', 'FIELD_TYPE', 'bad.json: quant_type'],
  ])('refuses a config that is %s, naming the file', async (_, content, code, inMessage) => {
    const file = join(root, content === undefined ? 'no-such.json' : 'bad.json')
    if (content !== undefined) writeFileSync(file, content)
    const out = join(root, 'never')
    const { status, stdout } = await runCli(['quantize', demoModel, out, '--config', file, '--json'])
    expect(JSON.parse(stdout).error).toMatchObject({ code, message: expect.stringContaining(inMessage) })
    expect([status, existsSync(out)]).toEqual([1, false])
  })

  it('quantizes the output projection on request, and never one that is tied', async () => {
    const quantize = async (model: string, ...more: string[]) => {
      const args = ['quantize', model, join(root, 'head'), '--recipe', 'int8-weight-only', '--json', ...more]
      return JSON.parse((await runCli(args)).stdout)
    }
    const untied = golden('architectures/llama')
    expect((await quantize(untied)).skipped).toEqual([
      { module: 'lm_head', reason: expect.stringContaining('output projection') },
    ])
    const { quantized, skipped, config } = await quantize(untied, '--quantize-lm-head')
    expect(quantized).toContain('lm_head')
    expect(skipped).toEqual([])
    // An empty list, where null would mean "the defaults", which leave the head out.
    expect(config.modules_to_not_convert).toEqual([])
    expect((await quantize(demoModel, '--quantize-lm-head')).skipped).toEqual([
      { module: 'lm_head', reason: 'shares its weight with model.embed_tokens' },
    ])
  })
})

describe('quantize --dry-run', () => {
  const dryRun = (out: string, ...more: string[]) =>
    runCli(['quantize', demoModel, out, '--recipe', 'int8-weight-only', '--dry-run', ...more])

  it('begins by saying that writes are skipped, lists them, and writes nothing', async () => {
    const out = join(root, 'dry')
    const { status, stdout } = await dryRun(out)
    expect(status).toBe(0)
    expect(stdout.split('\n')[0]).toBe('dry run: everything is checked, and writes are skipped')
    expect(stdout).toMatch(/28 +to be quantized +to int8-weight-only \(torchao\)/)
    expect(stdout).toContain(`would create  ${out}\n`)
    expect(stdout).toMatch(/would write +weights, 3\.7 MB\n/)
    expect(stdout).toMatch(
      /would write +config\.json, with quantization_config \{.*"Int8WeightOnlyConfig".*\}\n/,
    )
    expect(stdout).toMatch(/would copy +generation_config\.json, .*tokenizer\.json/)
    expect(existsSync(out)).toBe(false)
  })

  it('announces, as JSON too, exactly what is then done', async () => {
    const out = join(root, 'dry-json')
    const planned = await dryRun(out, '--json')
    expect(planned.stderr).toContain('writes are skipped')
    expect(existsSync(out)).toBe(false)
    const made = await runCli(['quantize', demoModel, out, '--recipe', 'int8-weight-only', '--json'])
    const facts = (stdout: string) => {
      const { seconds, peakRssBytes, dryRun, ...rest } = JSON.parse(stdout)
      return rest
    }
    expect(facts(planned.stdout)).toEqual(facts(made.stdout))
    expect(JSON.parse(planned.stdout).dryRun).toBe(true)
    const { quantization_config } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))
    expect(JSON.parse(planned.stdout).config).toEqual(quantization_config)
  })

  it('checks the recipe and the paths', async () => {
    const file = join(root, 'a-file')
    writeFileSync(file, '')
    const unknown = await runCli(['quantize', demoModel, join(root, 'x'), '--recipe', 'int5', '--dry-run'])
    expect(unknown.status).toBe(2)
    expect(unknown.stderr).toMatch(/^RECIPE_UNKNOWN: .*expected one of int8-weight-only, /m)
    for (const [out, code, status] of [
      [demoModel, 'OUTPUT_IS_INPUT', 2],
      [file, 'OUTPUT_IS_FILE', 2],
      [join(file, 'below'), 'OUTPUT_FAILED', 1],
    ] as const) {
      const refused = await dryRun(out, '--json')
      expect([JSON.parse(refused.stdout).error.code, refused.status]).toEqual([code, status])
    }
  })
})
