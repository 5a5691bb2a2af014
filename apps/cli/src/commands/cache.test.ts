import { readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { AutoModelForCausalLM } from 'hfquant'
import { beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../testing/checkpoint.fixture.js'
import { golden, runCli } from '../testing/run-cli.fixture.js'

const HFQUANT_CACHE = join(temporaryFolder(), 'cache')
/** The folder of hfquant's own in it. */
const ownFolder = () => join(HFQUANT_CACHE, readdirSync(HFQUANT_CACHE)[0]!)
const cache = (...args: string[]) => runCli(['cache', ...args], { HFQUANT_CACHE })

const FLOAT = golden('gptq/tiny-llama-fp32')
const QUANTIZED = golden('gptq/tiny-llama-gptq-w4-g64-sym')

/** Uses a model, which leaves it compiled. */
async function use(folder: string): Promise<void> {
  const callers = process.env.HFQUANT_CACHE
  process.env.HFQUANT_CACHE = HFQUANT_CACHE
  try {
    await using model = await AutoModelForCausalLM.fromPretrained(folder)
    await model.forward({ inputIds: [[1]] })
  } finally {
    process.env.HFQUANT_CACHE = callers
  }
}

interface Model {
  readonly id: string
  readonly model: string | null
  readonly bytes: number
}
const listed = async (): Promise<readonly Model[]> => JSON.parse((await cache('ls', '--json')).stdout).models

beforeAll(async () => {
  await use(FLOAT)
  await use(QUANTIZED)
})

describe('cache', () => {
  it('ls shows models, methods, sizes and when they were used, the last one first', async () => {
    const { status, stdout, stderr } = await cache('ls')
    expect([status, stderr]).toEqual([0, ''])
    const [heading, first, second, total] = stdout.trimEnd().split('\n')
    expect(heading).toMatch(/^id +model +method +size +last used$/)
    expect(first).toMatch(new RegExp(`^[0-9a-f]{12} +${basename(QUANTIZED)} +gptq +[\\d.]+ [kM]B +\\d{4}-`))
    expect(second).toMatch(new RegExp(`^[0-9a-f]{12} +${basename(FLOAT)} +float `))
    expect(total).toMatch(/^2 compiled models, [\d.]+ [kM]B in /)
  })

  it('rm refuses a name that it does not know, and a call that names nothing', async () => {
    const unknown = await cache('rm', 'no-such-model')
    expect([unknown.status, unknown.stdout]).toEqual([1, ''])
    expect(unknown.stderr).toMatch(/^COMPILED_MODEL_UNKNOWN: .*"no-such-model"\. There is .*tiny-llama/)
    expect((await cache('rm')).status).toBe(2)
    expect((await cache('rm', 'x', '--all')).status).toBe(2)
  })

  it('rm takes the name of a model, or the beginning of an id', async () => {
    const { stdout } = await cache('rm', basename(QUANTIZED))
    expect(stdout).toMatch(/^removed 1 compiled model, [\d.]+ [kM]B\n$/)
    const [left, ...others] = await listed()
    expect([left?.model, others]).toEqual([basename(FLOAT), []])
    await cache('rm', left!.id.slice(0, 12))
    expect(await listed()).toEqual([])
  })

  it('warm compiles a model that nobody has used', async () => {
    await cache('rm', '--all')
    const { status, stdout } = await cache('warm', QUANTIZED, '--json')
    expect([status, JSON.parse(stdout)]).toEqual([0, (await listed())[0]])
    expect((await cache('warm', QUANTIZED)).stdout).toMatch(/^compiled .*, [\d.]+ [kM]B in /)
    expect(await listed()).toHaveLength(1)
  })

  it('prune removes what was not used for the longest time, and what is damaged', async () => {
    await use(FLOAT)
    await use(QUANTIZED)
    const [last] = await listed()
    const { stdout } = await cache('prune', '--max-size', String(last!.bytes), '--json')
    expect(JSON.parse(stdout).removed).toMatchObject([{ model: basename(FLOAT) }])
    expect(await listed()).toEqual([last])
    rmSync(join(ownFolder(), 'artifacts', last!.id, 'manifest.json'))
    expect((await cache('ls')).stdout).toMatch(/ damaged /)
    await cache('prune', '--max-size', '1TB')
    expect(await listed()).toEqual([])
  })

  it('rm --all empties the cache', async () => {
    await use(FLOAT)
    expect((await cache('rm', '--all')).stdout).toMatch(/^removed 1 compiled model, /)
    expect((await cache('ls')).stdout).toMatch(/^0 compiled models, 0 B in /)
  })
})
