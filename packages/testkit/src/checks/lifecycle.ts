import type { HfQuantizer, Shell } from '@hfquant/core/runtime'
import { demand, demandTyped, succeeding } from '../conformance/breach.js'
import { type ConformanceCheck, forEachConfig, type NamedConfig, needing } from '../conformance/check.js'
import { configOf, plainJson, sameJson } from '../conformance/json.js'
import type { ConformanceOptions } from '../conformance/options.js'
import {
  demandSameTensors,
  describeShell,
  quantizedModules,
  readTensors,
  shellChange,
} from '../conformance/tensors.js'
import type { Workbench } from '../conformance/workbench.js'
import { fakeEnvironment } from '../fake-environment.js'
import { tinyModel } from '../models/tiny-model.js'

const topic = 'lifecycle'

/** The stages of loading. */
export const lifecycleChecks = (options: ConformanceOptions): readonly ConformanceCheck[] =>
  needing(
    ['quantizing'],
    forEachConfig(options, topic, {
      'stages run in order, each where it belongs': order,
      'validateEnvironment may run any number of times and changes nothing': idempotentValidation,
      'what cannot be loaded is refused before the shell is changed': refusedBeforeChange,
    }),
  )

const HOOKS = ['validateEnvironment', 'updateDeviceMap', 'preprocess', 'load', 'postprocess'] as const
type Hook = (typeof HOOKS)[number]

/** Tells `called` about each hook before it runs. */
function watch(quantizer: HfQuantizer, called: (hook: Hook) => void): void {
  for (const hook of HOOKS) {
    const original = quantizer[hook].bind(quantizer) as (...inputs: unknown[]) => unknown
    Object.defineProperty(quantizer, hook, {
      value: (...inputs: unknown[]) => {
        called(hook)
        return original(...inputs)
      },
    })
  }
}

async function order(bench: Workbench, { config }: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const from = await bench.checkpoint(layout)
  const calls: Hook[] = []
  let shellOf: Shell | undefined
  let start: readonly string[] = []
  const changes: string[] = []
  const prepare = (quantizer: HfQuantizer, shell: Shell) => {
    shellOf = shell
    start = describeShell(shell)
    watch(quantizer, (hook) => {
      const change = shellChange(start, describeShell(shellOf!))
      if (change !== undefined && !calls.includes('preprocess')) changes.push(`before ${hook}: ${change}`)
      calls.push(hook)
    })
  }
  const model = await bench.load({ from, layout, config, prepare })
  const expected: Hook[] = [
    'validateEnvironment',
    'updateDeviceMap',
    'preprocess',
    'validateEnvironment',
    ...Array.from(quantizedModules(model.shell), () => 'load' as const),
    'postprocess',
  ]
  demand(
    sameJson(calls, expected),
    () => `the stages ran as ${calls.join(', ')}; expected ${expected.join(', ')}`,
    'the loader calls the stages in their order, load once per quantized module, and nobody else calls them',
  )
  demand(
    changes.length === 0,
    () => `the shell was changed ${changes[0]}`,
    'only preprocess replaces modules of the shell',
  )
}

async function idempotentValidation(bench: Workbench, named: NamedConfig): Promise<void> {
  const contract =
    'validateEnvironment runs twice per load, with and without a device map, and has no effect but to throw'
  const layout = tinyModel()
  const from = await bench.checkpoint(layout)
  const expected = await readTensors((await bench.load({ from, layout, config: named.config })).shell)
  const before = plainJson(configOf(bench.backend, named.config))
  const prepare = (quantizer: HfQuantizer) => {
    for (const map of [undefined, { '': 'cpu' }, undefined])
      quantizer.validateEnvironment(fakeEnvironment(), map)
  }
  const model = await succeeding('loading after three validations', contract, () =>
    bench.load({ from, layout, config: named.config, prepare }),
  )
  const sides = { found: 'the model after more validations', wanted: 'the model' }
  demandSameTensors(await readTensors(model.shell), expected, sides, contract)
  demand(
    sameJson(plainJson(configOf(bench.backend, named.config)), before),
    'loading changed the configuration of the caller',
    'a configuration is not changed; what loading resolves becomes a new one, `quantizer.config`',
  )
}

async function refusedBeforeChange(bench: Workbench, { config }: NamedConfig): Promise<void> {
  const contract =
    'everything that can be refused is refused in validateEnvironment, before preprocess touches the shell'
  const layout = tinyModel()
  const from = await bench.checkpoint(layout)
  const bare = fakeEnvironment({ packages: [] })
  for (const [name, options] of [
    ['a machine without any package', { environment: bare }],
    ['an unknown device', { deviceMap: { '': 'testkit-device' } }],
  ] as const) {
    let shell: Shell | undefined
    let before: readonly string[] = []
    const prepare = (_quantizer: HfQuantizer, made: Shell) => {
      shell = made
      before = describeShell(made)
    }
    try {
      await bench.load({ from, layout, config, prepare, options })
    } catch (error) {
      demandTyped(error, name)
      const change = shellChange(before, describeShell(shell!))
      demand(
        change === undefined,
        `${name} was refused (${error.code}) after the shell was changed: ${change}`,
        contract,
      )
    }
  }
}
