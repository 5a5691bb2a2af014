import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { demoModel } from 'hfquant/demo'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../testing/checkpoint.fixture.js'
import { golden, runCli } from '../testing/run-cli.fixture.js'

const root = temporaryFolder()

const HFQUANT_CACHE = join(root, 'cache')
const generate = (...options: string[]) =>
  runCli(['generate', demoModel, 'One morning', '--max-new-tokens', '12', ...options], { HFQUANT_CACHE })

describe('generate', () => {
  it('prints nothing but the text on standard output', async () => {
    const { status, stdout, stderr } = await generate()
    expect(status).toBe(0)
    expect(stdout).toMatch(/^ a girl named \w+ .*\n$/)
    expect(stderr).toContain('compile')
    const again = await generate()
    expect([again.stdout, again.stderr]).toEqual([stdout, ''])
  })

  it('prints text, token ids and speed as JSON; equal seeds give equal texts', async () => {
    const options = ['--temperature', '1.5', '--seed', '7', '--json']
    const [first, second, other] = await Promise.all([
      generate(...options),
      generate(...options),
      generate('--temperature', '1.5', '--seed', '8', '--json'),
    ])
    const { text, tokenIds, tokensPerSecond } = JSON.parse(first.stdout)
    expect(tokenIds).toHaveLength(12)
    expect(tokensPerSecond).toBeGreaterThan(0)
    expect(JSON.parse(second.stdout)).toMatchObject({ text, tokenIds })
    expect(JSON.parse(other.stdout).tokenIds).not.toEqual(tokenIds)
  })

  it('quantizes a float model while loading it, takes a quantized one as it is, and makes no other of it', async () => {
    const folder = join(root, 'int8')
    await runCli(['quantize', demoModel, folder, '--recipe', 'int8-weight-only'])
    const args = ['generate', folder, 'One morning', '--max-new-tokens', '12', '--quantize']
    const fly = await generate('--quantize', 'int8-weight-only')
    const same = await runCli([...args, 'int8-weight-only'])
    expect([same.status, same.stdout]).toEqual([0, fly.stdout])
    expect(fly.stderr).not.toContain('info: ')
    expect(same.stderr).toMatch(/^info: .* is quantized with "torchao" already, as asked$/m)
    const other = await runCli([...args, 'int4-weight-only', '--json'])
    expect([other.status, JSON.parse(other.stdout).error.code]).toEqual([1, 'MODEL_QUANTIZED'])
    const unknown = await runCli([...args, 'int5'])
    expect(unknown.status).toBe(2)
    expect(unknown.stderr).toMatch(/RECIPE_UNKNOWN: .*expected one of int8-weight-only, /)
  })

  it('takes a precision, which is no quantization', async () => {
    expect((await generate('--dtype', 'FP16')).stdout).toMatch(/^ a girl named/)
    const { status, stderr } = await generate('--dtype', 'int8')
    expect(status).toBe(1)
    expect(stderr).toMatch(/^DTYPE_NOT_FLOATING: .*quantize: 'int8'/m)
  })

  it('sends the text as a message of a conversation', async () => {
    const folder = join(root, 'chat')
    await cp(demoModel, folder, { recursive: true })
    await writeFile(join(folder, 'chat_template.jinja'), '{{ messages[0].content }} a girl')
    const args = ['generate', folder, 'One morning', '--max-new-tokens', '10', '--temperature', '0']
    const { status, stdout } = await runCli([...args, '--chat'], { HFQUANT_CACHE })
    expect([status, stdout]).toEqual([
      0,
      (await generate('--temperature', '0')).stdout.replace(' a girl', ''),
    ])
    const without = await generate('--chat', '--json')
    expect([without.status, JSON.parse(without.stdout).error.code]).toEqual([1, 'CHAT_TEMPLATE_MISSING'])
  })

  it('needs a tokenizer', async () => {
    const { status, stderr } = await runCli(['generate', golden('architectures/llama'), 'One morning'])
    expect(status).toBe(1)
    expect(stderr).toMatch(/^TOKENIZER_MISSING: /m)
  })
})
