import { describe, expect, test } from 'vitest'
import type { Sample } from '../measure/samples.js'
import { drawChart } from './chart.js'
import type { Contender } from './contenders.js'
import { figureRows, formatReport, type Report } from './report.js'
import { judgeTargets } from './targets.js'

const contender = (name: string, engine: Contender['engine'], bits: 4 | 8): Contender => ({
  ...{ name, engine, bits },
  path: '/models',
})
const [fast, slow, peer, dynamic] = [
  contender('hfquant fast', 'hfquant', 4),
  contender('hfquant slow', 'hfquant', 4),
  contender('node-llama-cpp Q4_0', 'node-llama-cpp', 4),
  contender('hfquant int8-dynamic-act-int8-weight', 'hfquant', 8),
]
const contenders = [fast, slow, peer, dynamic]

const sample = ({ name }: Contender, figure: string, value: number, round = 0): Sample => ({
  ...{ round, figure, value },
  contender: name,
})
const samples = [
  ...[sample(fast, 'decode 128', 30), sample(slow, 'decode 128', 15), sample(peer, 'decode 128', 20)],
  ...[
    sample(fast, 'decode 128', 15, 1),
    sample(slow, 'decode 128', 7.5, 1),
    sample(peer, 'decode 128', 10, 1),
  ],
  ...[sample(fast, 'start warm', 0.9), sample(peer, 'start warm', 1)],
  ...[sample(dynamic, 'together 1', 10), sample(dynamic, 'together 8', 22)],
  sample(fast, 'memory anonymous', 100),
]

describe('targets', () => {
  const results = judgeTargets(contenders, { samples, fourBitBytes: 640e6 })
  const judged = (start: string) => results.find(({ target }) => target.startsWith(start))

  test('the best recipe counts', () => {
    expect(judged('decode, 4-bit, context 128, against')).toMatchObject({
      ...{ met: true, by: 'hfquant fast', bound: 'at least 1.25' },
      found: { median: 1.5 },
    })
  })

  test('a bound from above is missed by what is larger', () => {
    expect(judged('later start, file in memory, 4-bit')).toMatchObject({ met: false, found: { median: 0.9 } })
    expect(judged('anonymous memory')).toMatchObject({ met: true, found: { median: 100 / 640 } })
  })

  test('a figure of its own is held against its bound without a peer', () => {
    const ofBandwidth = judgeTargets(contenders, {
      samples: [sample(fast, 'share 128', 0.9)],
      fourBitBytes: 0,
    })
    expect(
      ofBandwidth.find(({ target }) => target === 'decode, 4-bit, context 128, of the bandwidth'),
    ).toMatchObject({ met: true, found: { median: 0.9 } })
  })

  test('a bound itself is good enough', () => {
    expect(judged('eight sequences, int8')).toMatchObject({ met: true, found: { median: 2.2 } })
  })

  test('what was not measured is neither met nor missed', () => {
    expect(judged('prefill 512, 4-bit')).toMatchObject({ met: undefined, found: undefined })
    const { met } = judgeTargets(contenders, { samples, fourBitBytes: undefined }).find(({ target }) =>
      target.startsWith('anonymous'),
    )!
    expect(met).toBeUndefined()
  })
})

const report: Report = {
  source: '/models/float',
  machine: { processor: 'A & B', cores: 2, memoryBytes: 2 ** 34, load: 0.1 },
  versions: { node: 'v20' },
  ...{ threads: 2, rounds: 2, contenders, samples, disturbed: [] },
  figures: figureRows(contenders, samples),
  targets: judgeTargets(contenders, { samples, fourBitBytes: 640e6 }),
}

test('the report has medians, spreads, ratios, and a line for every target', () => {
  const lines = formatReport(report).split('\n')
  const row = lines.find((line) => line.includes('hfquant fast'))
  expect(row).toMatch(
    /^ {2}hfquant fast +22\.5 {2}\(15\.0 to 30\.0\) +1\.50 \(1\.50 to 1\.50\) of node-llama-cpp$/,
  )
  expect(lines.filter((line) => /^(met|MISSED|not measured) /.test(line))).toHaveLength(report.targets.length)
  expect(lines.find((line) => line.startsWith('MISSED'))).toContain('at most 0.5, found 0.900')
})

test('a busy machine is mentioned', () => {
  const busy = { ...report, machine: { ...report.machine, load: 3 } }
  expect(formatReport(busy)).toContain('BUSY (load 3.00)')
  expect(formatReport(report)).not.toContain('BUSY')
})

test('runs that were never quiet are mentioned', () => {
  const found = formatReport({ ...report, disturbed: [0.07, 0.31] })
  expect(found).toContain('OTHER WORK DISTURBED 2 RUNS, by at most 31 % of the processors')
  expect(formatReport(report)).not.toContain('DISTURBED')
})

test('the chart is a document with a bar for every figure of every contender', () => {
  const svg = drawChart(report)
  expect(svg).toMatch(/^<svg .*<\/svg>\n$/s)
  expect(svg).toContain('A &amp; B')
  expect(svg.match(/<rect x=/g)).toHaveLength(report.figures.length)
  const widths = [...svg.matchAll(/<rect x="300" y="\d+" width="([\d.]+)"/g)].map(([, width]) =>
    Number(width),
  )
  expect(widths[0]! / widths[1]!).toBeCloseTo(2, 1)
})
