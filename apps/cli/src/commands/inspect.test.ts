import { demoModel } from 'hfquant/demo'
import { describe, expect, it } from 'vitest'
import { golden, runCli } from '../testing/run-cli.fixture.js'

describe('inspect', () => {
  it('describes a float model', async () => {
    const { status, stdout, stderr } = await runCli(['inspect', demoModel, '--json'])
    expect([status, stderr]).toEqual([0, ''])
    const inspected = JSON.parse(stdout)
    expect(inspected).toMatchObject({
      architecture: 'LlamaForCausalLM',
      method: null,
      config: null,
      parameters: 3_410_176,
      bytesOnDisk: 6_824_768,
      bitsPerWeight: 16,
    })
    expect(inspected.tensors).toHaveLength(38)
    expect(inspected.tensors).toContainEqual({
      name: 'model.embed_tokens.weight',
      dtype: 'bfloat16',
      shape: [1024, 256],
      file: 'model.safetensors',
    })
    expect(inspected.modules).toContainEqual({ name: 'model.norm', kind: 'other', format: 'bfloat16' })
  })

  it('describes a quantized model made in Python, shards and all', async () => {
    const { stdout } = await runCli([
      'inspect',
      golden('torchao/tiny-llama/int8-weight-only-sharded'),
      '--json',
    ])
    const inspected = JSON.parse(stdout)
    expect(inspected.method).toBe('torchao')
    expect(inspected.config.quant_method).toBe('torchao')
    expect(new Set(inspected.tensors.map(({ file }: { file: string }) => file)).size).toBe(2)
    const named = new Map(inspected.modules.map((module: { name: string }) => [module.name, module]))
    expect(named.get('model.layers.0.self_attn.q_proj')).toMatchObject({
      kind: 'linear',
      format: 'int8 per row',
    })
    expect(named.get('lm_head')).toMatchObject({ reason: expect.any(String) })
    expect(inspected.bitsPerWeight).toBeGreaterThan(8)
    expect(inspected.bitsPerWeight).toBeLessThan(9)
  })

  it('shows the experts of a mixture as one row, and what a token meets of them', async () => {
    const model = golden('architectures/qwen3_moe')
    const { stdout } = await runCli(['inspect', model])
    expect(stdout).toMatch(/experts +4 in a layer, 49,152 parameters/)
    expect(stdout).toMatch(/active +\d+,\d+ parameters, with 2 experts for each token/)
    expect(stdout).toMatch(/experts in float32 +24 /)
    const inspected = JSON.parse((await runCli(['inspect', model, '--json'])).stdout)
    const { count, chosen, parameters, activeParameters } = inspected.experts
    expect([count, chosen, parameters]).toEqual([4, 2, 49_152])
    expect(activeParameters).toBe(inspected.parameters - parameters / 2)
  })

  it('prints a summary for people', async () => {
    const { stdout } = await runCli(['inspect', demoModel])
    expect(stdout).toMatch(/parameters +3,410,176/)
    expect(stdout).toMatch(/linear in bfloat16 +29/)
  })
})
