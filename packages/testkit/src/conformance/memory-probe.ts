import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes that a piece of work took, over what the process had before. */
export interface MemoryUse<Result> {
  readonly result: Result
  /** The most that was resident at once. */
  readonly peakBytes: number
  /** What was still held on this thread afterwards, with all garbage collected. */
  readonly heldBytes: number
}

/** Often enough to see a buffer that lives as long as its bytes are read. */
const SAMPLE_MILLISECONDS = 4

/** Runs `work` and watches the memory of the process meanwhile. */
export async function measureMemory<Result>(work: () => Promise<Result>): Promise<MemoryUse<Result>> {
  collectGarbage()
  const before = process.memoryUsage()
  let peak = before.rss
  const sample = () => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  const timer = setInterval(sample, SAMPLE_MILLISECONDS)
  try {
    const result = await work()
    sample()
    await setImmediate()
    collectGarbage()
    const after = process.memoryUsage()
    const held = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
    return { result, peakBytes: peak - before.rss, heldBytes: held }
  } finally {
    clearInterval(timer)
  }
}

/** `gc` is there only with a flag, which may be set while the process runs. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // What has a finalizer, such as the memory behind an ArrayBuffer, goes with the second run.
  for (let run = 0; run < 2; run++) collect()
}
