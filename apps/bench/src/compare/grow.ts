import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BILLION, makeCheckpoint } from '../make-checkpoint.js'
import { type CompareOptions, compare } from './compare.js'
import { figureRows, type Report } from './report.js'

/**
 * Compares on models of several depths, in the shape of the 1.1-billion-parameter one. A figure of the report is called
 * "decode 128, 4 layers"; the targets are about the whole model, so none is judged.
 */
export async function grow(
  folder: string,
  sizes: readonly number[],
  options: CompareOptions,
): Promise<Report> {
  const reports: Report[] = []
  for (const layers of sizes) {
    const source = join(folder, `layers-${layers}`)
    if (!existsSync(join(source, 'model.safetensors'))) {
      options.report(`making ${source}`)
      await makeCheckpoint(source, { ...BILLION, layers })
    }
    reports.push(await compare(source, { ...options, work: `${source}-compared` }))
  }
  const samples = reports.flatMap((report, index) =>
    report.samples.map((sample) => ({ ...sample, figure: `${sample.figure}, ${sizes[index]} layers` })),
  )
  const [first] = reports
  if (first === undefined) throw new RangeError('no sizes')
  return { ...first, source: folder, samples, figures: figureRows(first.contenders, samples), targets: [] }
}
