import { type ConformanceCheck, forEachConfig, type NamedConfig, needing } from '../conformance/check.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { demandSameTensors, readTensors } from '../conformance/tensors.js'
import type { Workbench } from '../conformance/workbench.js'
import { tinyModel } from '../models/tiny-model.js'

/** The same input gives the same bytes. */
export const determinismChecks = (options: ConformanceOptions): readonly ConformanceCheck[] =>
  needing(
    ['quantizing'],
    forEachConfig(options, 'determinism', {
      'bytes depend neither on the run, nor on workers, nor on the byte budget': sameBytes,
    }),
  )

const CONTRACT =
  'quantizing is a function of the weight: no random numbers, no state between calls, no dependence on where rows are cut (rowsPerStep says where they may be)'

async function sameBytes(bench: Workbench, { config }: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const from = await bench.checkpoint(layout, { dtype: 'bfloat16' })
  const load = { from, layout, dtype: 'bfloat16', config } as const
  const wanted = await readTensors((await bench.load(load)).shell)
  const compare = async (found: string, options: object) => {
    const { shell } = await bench.load({ ...load, options })
    demandSameTensors(await readTensors(shell), wanted, { found, wanted: 'the first run' }, CONTRACT)
  }
  await compare('the second run', {})
  for (const [workers, maxInFlightBytes] of [
    [1, 3000],
    [3, 1],
    [3, 2 ** 30],
  ] as const) {
    const pool = bench.poolOf(workers)
    const found = `a run with ${workers} workers and ${maxInFlightBytes} bytes in flight`
    await compare(found, { pool, maxInFlightBytes })
  }
}
