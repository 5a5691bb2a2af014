import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quantizeModel, recipe } from 'hfquant'

export interface QuantizeRun {
  readonly recipe: string
  readonly workers: number | undefined
  readonly maxInFlightBytes: number | undefined
  /** sha256 of every file written, to show that the bytes do not depend on workers and budget. */
  readonly digest: boolean
}

export interface QuantizeFigures {
  readonly recipe: string
  readonly workers: number | 'default'
  readonly maxInFlightBytes: number | 'default'
  readonly seconds: number
  readonly sourceMegabytesPerSecond: number
  readonly peakRssMebibytes: number
  readonly digest: string | undefined
}

/** Quantizes a checkpoint once. Peak memory is this process's, so a process measures one run. */
export async function measureQuantize(folder: string, run: QuantizeRun): Promise<QuantizeFigures> {
  const parent = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), 'hfquant-bench-'))
  const out = join(parent, 'out')
  const { workers, maxInFlightBytes } = run
  try {
    const quantizationConfig = await recipe(run.recipe)
    const start = performance.now()
    const { bytesBefore } = await quantizeModel(folder, out, {
      quantizationConfig,
      workers,
      maxInFlightBytes,
    })
    const seconds = (performance.now() - start) / 1000
    const peakRssMebibytes = process.resourceUsage().maxRSS / 1024
    return {
      recipe: run.recipe,
      workers: workers ?? 'default',
      maxInFlightBytes: maxInFlightBytes ?? 'default',
      seconds,
      sourceMegabytesPerSecond: bytesBefore / 1e6 / seconds,
      peakRssMebibytes,
      digest: run.digest ? await digestOf(out) : undefined,
    }
  } finally {
    await rm(parent, { recursive: true, force: true })
  }
}

async function digestOf(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of (await readdir(folder)).sort()) {
    hash.update(name)
    for await (const chunk of createReadStream(join(folder, name))) hash.update(chunk as Uint8Array)
  }
  return hash.digest('hex').slice(0, 16)
}
