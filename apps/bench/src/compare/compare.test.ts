import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { demoModel } from 'hfquant/demo'
import { afterAll, expect, test } from 'vitest'
import type { Report } from './report.js'

const root = await mkdtemp(join(tmpdir(), 'hfquant-compare-'))
afterAll(() => rm(root, { recursive: true, force: true }))

/** The built program. */
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

test('every library runs the same model, and everything that was found is written', async () => {
  const [json, chart] = [join(root, 'report.json'), join(root, 'chart.svg')]
  const args = ['compare', demoModel, '--work', join(root, 'work'), '--json', json, '--chart', chart]
  const small = [
    '--rounds',
    '1',
    '--repeats',
    '0',
    '--tokens',
    '4',
    '--threads',
    '1',
    '--only',
    'decode,together,memory',
  ]
  const recipes = ['--four-bit', 'rtn-int4-g32', '--eight-bit', 'int8-weight-only']
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args, ...small, ...recipes])
  const report = JSON.parse(await readFile(json, 'utf8')) as Report
  const names = report.contenders.map(({ name }) => name)
  expect(names).toEqual([
    ...['hfquant rtn-int4-g32', 'hfquant int8-weight-only', 'node-llama-cpp Q4_0', 'node-llama-cpp Q8_0'],
    ...['transformers.js q4', 'transformers.js q8'],
  ])
  for (const figure of ['decode 128', 'together 1', 'together 8', 'memory anonymous', 'memory file']) {
    const rows = report.figures.filter((row) => row.figure === figure)
    expect(rows.map(({ contender }) => contender).sort()).toEqual([...names].sort())
    for (const { median } of rows) expect(median).toBeGreaterThan(0)
  }
  const shares = report.figures.filter(({ figure }) => figure === 'share 128')
  expect(shares.map(({ contender }) => contender).sort()).toEqual(
    names.filter((name) => !name.includes('.js')).sort(),
  )
  for (const { median } of shares) expect(median).toBeGreaterThan(0)
  expect(report.figures.find(({ figure }) => figure === 'bandwidth')).toMatchObject({
    unit: 'GB/s',
    count: 1,
  })
  expect(stdout).toMatch(/^(met|MISSED) .*decode, 4-bit, context 128, against Q4_0/m)
  expect(await readFile(chart, 'utf8')).toContain('transformers.js q8')
}, 120_000)
