import { DeviceMapError } from '@hfquant/core'
import { demand, describeError, failing, succeeding } from '../conformance/breach.js'
import { type ConformanceCheck, type NamedConfig, namedConfigs, needing } from '../conformance/check.js'
import { sameJson } from '../conformance/json.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { demandSameTensors, readTensors } from '../conformance/tensors.js'
import type { Workbench } from '../conformance/workbench.js'
import { fakeEnvironment } from '../fake-environment.js'
import { tinyModel } from '../models/tiny-model.js'

const topic = 'lifecycle'

/** Where modules are put. */
export const deviceMapChecks = (options: ConformanceOptions): readonly ConformanceCheck[] =>
  needing(
    ['quantizing'],
    [
      {
        topic,
        title:
          'a map of modules to devices is kept as it is; strategies are resolved (rows 11, 19, 20, 22, 35)',
        run: (bench) => deviceMaps(bench, options),
      },
      {
        topic,
        title: 'a device that is not there is refused, "disk" among them (rows 20, 21)',
        run: (bench) => unknownDevices(bench, options),
      },
    ],
  )

async function deviceMaps(bench: Workbench, options: ConformanceOptions): Promise<void> {
  const [{ config }] = namedConfigs(options) as [NamedConfig]
  const layout = tinyModel()
  const from = await bench.checkpoint(layout)
  const environment = fakeEnvironment({ devices: ['cpu', 'testkit-device'] })
  const expected = await readTensors((await bench.load({ from, layout, config })).shell)
  const two = { '': 'cpu', 'model.layers.1': 'testkit-device' }
  for (const [deviceMap, resolved] of [
    [two, two],
    ['balanced', { '': 'cpu' }],
    ['auto', { '': 'cpu' }],
    [null, { '': 'cpu' }],
  ] as const) {
    const name = `deviceMap ${JSON.stringify(deviceMap)}`
    const contract =
      'a map of the caller is used as it is; a strategy, or nothing, is resolved to devices that exist'
    const model = await succeeding(name, contract, () =>
      bench.load({ from, layout, config, options: { deviceMap, environment } }),
    )
    demand(sameJson(model.deviceMap, resolved), `${name} became ${JSON.stringify(model.deviceMap)}`, contract)
    const sides = { found: `the model with ${name}`, wanted: 'the model on one device' }
    demandSameTensors(
      await readTensors(model.shell),
      expected,
      sides,
      'the same weights are made wherever they lie',
    )
  }
}

async function unknownDevices(bench: Workbench, options: ConformanceOptions): Promise<void> {
  const [{ config }] = namedConfigs(options) as [NamedConfig]
  const layout = tinyModel()
  const from = await bench.checkpoint(layout)
  const contract =
    'a device that the environment does not have is refused with a DeviceMapError, never replaced'
  for (const deviceMap of ['disk', 'cuda:0', { '': 'cpu', 'model.layers.1': 'disk' }, { model: 'cpu' }]) {
    const name = `deviceMap ${JSON.stringify(deviceMap)}`
    const error = await failing(name, contract, () =>
      bench.load({ from, layout, config, options: { deviceMap } }),
    )
    demand(DeviceMapError.isInstance(error), () => `${name}: ${describeError(error)}`, contract)
  }
}
