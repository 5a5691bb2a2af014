import type { HfQuantizer, PostprocessContext } from '@hfquant/core/runtime'
import { demand, describeError, failing } from '../conformance/breach.js'
import { type ConformanceCheck, forEachConfig, type NamedConfig, needing } from '../conformance/check.js'
import type { ConformanceOptions } from '../conformance/options.js'
import type { LoadRequest, Workbench } from '../conformance/workbench.js'
import { tinyModel } from '../models/tiny-model.js'

/** Work that is called off. */
export const abortChecks = (options: ConformanceOptions): readonly ConformanceCheck[] =>
  needing(
    ['quantizing'],
    forEachConfig(options, 'errors', {
      'loading that is called off ends with the reason of the signal, at every point': aborted,
    }),
  )

const ABORT =
  'a signal ends loading at once, with its own reason; no backend catches it, or goes on regardless'

async function aborted(bench: Workbench, { config }: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const from = await bench.checkpoint(layout)
  let events = 0
  let isDeferring = false
  const onPostprocess = (deferred: number) => (isDeferring = deferred > 0)
  const options = { onProgress: () => (events += 1) }
  await bench.load({ from, layout, config, options, prepare: beforePostprocess(onPostprocess) })
  // After the last event nothing may be left to be called off.
  for (let at = 0; at < Math.max(events, 1); at++) {
    await abortedLoad(
      bench,
      { from, layout, config },
      at === 0 ? 'at its beginning' : `after ${at} of ${events} steps`,
      (stop) => {
        let seen = 0
        if (at === 0) stop()
        return { onProgress: () => (++seen === at ? stop() : undefined) }
      },
    )
  }
  if (!isDeferring) return
  await abortedLoad(
    bench,
    { from, layout, config },
    'before postprocess makes the deferred weights',
    (stop) => ({
      prepare: beforePostprocess(stop),
    }),
  )
}

interface Interruption {
  readonly onProgress?: () => void
  readonly prepare?: (quantizer: HfQuantizer) => void
}

/** Loads with a signal that is aborted by what `interrupt` puts in the way. */
async function abortedLoad(
  bench: Workbench,
  request: LoadRequest,
  when: string,
  interrupt: (stop: () => void) => Interruption,
): Promise<void> {
  const reason = new Error('called off by the test kit')
  const controller = new AbortController()
  const { onProgress, prepare } = interrupt(() => controller.abort(reason))
  const options = { signal: controller.signal, onProgress, maxInFlightBytes: 10_000 }
  const doing = `loading with a signal that is aborted ${when}`
  const error = await failing(doing, ABORT, () => bench.load({ ...request, prepare, options }))
  demand(
    error === reason,
    () => `${doing} ends with ${describeError(error)}, not with the reason of the signal`,
    ABORT,
  )
}

/** Calls `before` with the number of deferred weights when their time has come. */
const beforePostprocess = (before: (deferred: number) => void) => (quantizer: HfQuantizer) => {
  const postprocess = quantizer.postprocess.bind(quantizer)
  Object.defineProperty(quantizer, 'postprocess', {
    value: (context: PostprocessContext) => {
      before(context.deferred.length)
      return postprocess(context)
    },
  })
}
