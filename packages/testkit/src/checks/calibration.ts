import type { QuantizationConfigInput } from '@hfquant/core/runtime'
import { demand, demandTyped, describeError, failing } from '../conformance/breach.js'
import type { ConformanceCheck } from '../conformance/check.js'
import type { FrontDoor } from '../conformance/front-door.js'
import type { ConformanceOptions } from '../conformance/options.js'
import type { Workbench } from '../conformance/workbench.js'
import { tinyModel } from '../models/tiny-model.js'
import { writeLlama } from './front-door.js'

/** Methods that quantize with the help of data. */
export function calibrationChecks({
  frontDoor,
  calibrated = {},
}: ConformanceOptions): readonly ConformanceCheck[] {
  return Object.entries(calibrated).flatMap(([name, config]): ConformanceCheck[] => {
    const refusal: ConformanceCheck = {
      topic: 'capabilities',
      title: `${name}: is refused where a model cannot be calibrated`,
      run: (bench) => uncalibrated(bench, config),
    }
    if (frontDoor === undefined) return [refusal]
    const abort: ConformanceCheck = {
      topic: 'errors',
      title: `${name}: calibration that is called off ends with the reason of the signal`,
      run: (bench) => abortedCalibration(bench, frontDoor, config),
    }
    return [refusal, abort]
  })
}

async function uncalibrated(bench: Workbench, config: QuantizationConfigInput): Promise<void> {
  const contract = 'a method that needs calibration refuses a model that cannot be run block by block'
  const layout = tinyModel()
  const from = await bench.checkpoint(layout)
  const error = await failing('quantizing without calibration', contract, () =>
    bench.load({ from, layout, config }),
  )
  demandTyped(error, 'quantizing without calibration')
}

async function abortedCalibration(
  bench: Workbench,
  door: FrontDoor,
  quantizationConfig: QuantizationConfigInput,
): Promise<void> {
  const contract =
    'a signal ends calibration at once, with its own reason; no backend catches it, or goes on regardless'
  const reason = new Error('called off by the test kit')
  const stop = new AbortController()
  const { signal } = stop
  const from = await writeLlama(bench)
  const error = await failing(
    'calibrating with a signal that is aborted after a step',
    contract,
    async () => {
      const onProgress = () => stop.abort(reason)
      await using _model = await door.fromPretrained(from, { quantizationConfig, signal, onProgress })
    },
  )
  demand(
    error === reason,
    () => `it ends with ${describeError(error)}, not with the reason of the signal`,
    contract,
  )
}
