import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../testing/checkpoint.fixture.js'
import { golden, runCli } from '../testing/run-cli.fixture.js'
import { runProgram } from '../testing/run-program.fixture.js'

const root = temporaryFolder()

/** A golden with a tokenizer of sixteen words. */
function encoder(name: string): string {
  const folder = join(root, name)
  cpSync(golden(`architectures/${name}`), folder, { recursive: true })
  cpSync(golden('tokenizer/words/tokenizer.json'), join(folder, 'tokenizer.json'))
  return folder
}

const text = join(root, 'text.txt')
writeFileSync(text, 'a small house\n\nwho lives there\n\nby the sea\n')

it('compares vectors of texts with those of the first encoder', async () => {
  const [float, int8] = [encoder('bert'), join(root, 'int8')]
  await runCli(['quantize', float, int8, '--recipe', 'int8-dynamic-act-int8-weight'])
  const { status, stdout } = await runCli(['eval', float, int8, '--text', text, '--json'])
  expect(status).toBe(0)
  const { rows, outputs, sequences, task } = JSON.parse(stdout)
  expect({ outputs, sequences, task }).toEqual({ outputs: 3, sequences: 3, task: 'hidden-states' })
  expect(rows[0]).toMatchObject({ method: null, cosine: 1, leastCosine: 1, agreement: null })
  expect(rows[1]).toMatchObject({ method: 'torchao', agreement: null })
  expect(rows[1].cosine).toBeGreaterThan(0.99)
  expect(rows[1].leastCosine).toBeLessThan(1)
  expect(rows[1].leastCosine).toBeLessThanOrEqual(rows[1].cosine)
  for (const { textsPerSecond } of rows) expect(textsPerSecond).toBeGreaterThan(0)
})

it('counts the tokens that two classifiers give the same class', async () => {
  const float = encoder('bert-token')
  const { status, stdout } = await runCli(['eval', float, float, '--text', text])
  expect(status).toBe(0)
  expect(stdout).toMatch(
    /^model +method +on disk +bits\/weight +agreement +texts\/s +anonymous +files +peak\n/,
  )
  expect(stdout.match(/ 100\.0% /g)).toHaveLength(2)
  expect(stdout).toContain('3 texts, fast; agreement: tokens with the same class as')
})

it('refuses models that compute different things, or have other classes', async () => {
  const token = encoder('bert-token')
  const code = async (other: string) =>
    JSON.parse((await runCli(['eval', token, other, '--text', text, '--json'])).stdout).error.code
  expect(await code(golden('architectures/bert'))).toBe('EVAL_TASKS')
  expect(await code(encoder('deberta-v2-token'))).toBe('EVAL_OUTPUTS')
})

it('refuses models that read a text as other tokens', async () => {
  const token = encoder('bert-token')
  const other = join(root, 'other-tokens')
  cpSync(token, other, { recursive: true })
  const json = JSON.parse(readFileSync(join(token, 'tokenizer.json'), 'utf8'))
  // "lives" is three tokens; the classes are the same.
  const split = { type: 'Split', pattern: { String: 'v' }, behavior: 'Isolated', invert: false }
  const pre_tokenizer = { type: 'Sequence', pretokenizers: [json.pre_tokenizer, split] }
  writeFileSync(join(other, 'tokenizer.json'), JSON.stringify({ ...json, pre_tokenizer }))
  const { error } = JSON.parse((await runCli(['eval', other, token, '--text', text, '--json'])).stdout)
  expect(error.code).toBe('EVAL_OUTPUTS')
  expect(error.message).toContain('reads text 2 as 5 tokens, the first model as 7')
})

it('refuses GLiNER, whose labels belong to each call', async () => {
  const float = encoder('bert-token')
  await expect(runProgram('eval', float, golden('gliner/deberta'), '--text', text)).rejects.toMatchObject({
    ...{ name: 'CapabilityError', code: 'TASK_UNAVAILABLE' },
    hint: expect.stringContaining('hfquant entities'),
  })
})
