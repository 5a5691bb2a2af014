import { demoModel } from 'hfquant/demo'
import { describe, expect, it } from 'vitest'
import { golden, runCli } from '../testing/run-cli.fixture.js'

const generate = (...options: string[]) =>
  runCli(['generate', demoModel, 'One morning', '--max-new-tokens', '12', ...options])

describe('generate', () => {
  it('prints nothing but the text on standard output', async () => {
    const { status, stdout, stderr } = await generate()
    expect(status).toBe(0)
    expect(stdout).toMatch(/^ a girl named \w+ .*\n$/)
    expect(stderr).toContain('compile')
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

  it('needs a tokenizer', async () => {
    const { status, stderr } = await runCli(['generate', golden('architectures/llama'), 'One morning'])
    expect(status).toBe(1)
    expect(stderr).toMatch(/^TOKENIZER_MISSING: /m)
  })
})
