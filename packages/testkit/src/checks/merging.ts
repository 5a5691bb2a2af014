import { AutoQuantizer, ConfigError, type JsonObject, type QuantizationConfig } from '@hfquant/core/runtime'
import { demand, demandTyped, failing, succeeding } from '../conformance/breach.js'
import { type ConformanceCheck, namedConfigs } from '../conformance/check.js'
import { configOf, differingKeys, plainJson, sameJson } from '../conformance/json.js'
import type { ConformanceOptions } from '../conformance/options.js'
import type { Workbench } from '../conformance/workbench.js'

const topic = 'configuration'

/** What becomes of a saved configuration and a supplied one. */
export const mergingChecks = (options: ConformanceOptions): readonly ConformanceCheck[] => [
  {
    topic,
    title: 'a saved configuration alone is taken as it is, without a warning (row 37)',
    run: savedAlone(options),
  },
  { topic, title: 'a supplied configuration may be a plain object (row 36)', run: plainObject(options) },
  {
    topic,
    title: 'the saved configuration wins, and what was ignored is listed (row 36)',
    run: savedWins(options),
  },
  {
    topic,
    title: 'defaults of a supplied configuration change nothing (row 36)',
    run: defaultsChangeNothing(options),
  },
  {
    topic,
    title: 'loading attributes, and only they, may be changed while loading (row 27)',
    run: loadingAttributes(options),
  },
  { topic, title: 'another method than the saved one is refused (row 36)', run: otherMethod(options) },
]

const first = (options: ConformanceOptions, { backend }: Workbench): QuantizationConfig =>
  configOf(backend, namedConfigs(options)[0]!.config)

type Run = (options: ConformanceOptions) => ConformanceCheck['run']

const savedAlone: Run = (options) => async (bench) => {
  for (const named of namedConfigs(options)) {
    const saved = plainJson(configOf(bench.backend, named.config))
    const merged = (await AutoQuantizer.merge(saved, undefined))!
    demand(
      merged.preQuantized && merged.overridden.length === 0 && merged.ignored.length === 0,
      `${named.name}: merging with nothing reports ${JSON.stringify({ overridden: merged.overridden, ignored: merged.ignored })}`,
      'a checkpoint needs no argument to be loaded',
    )
    demand(
      sameJson(plainJson(merged.config), saved),
      `${named.name}: the saved block is read as something else`,
      'the saved configuration is taken as it is',
    )
  }
}

const plainObject: Run = (options) => async (bench) => {
  const config = first(options, bench)
  const contract = 'plain objects with the keys of config.json are accepted wherever an instance is'
  const merged = await succeeding('a plain object as quantizationConfig', contract, () =>
    AutoQuantizer.merge(undefined, plainJson(config)),
  )
  demand(merged?.backend === bench.backend, 'the plain object was given to another backend', contract)
}

const savedWins: Run = (options) => async (bench) => {
  const contract =
    'the file decides; a key that the caller set to another value is listed in `ignored`, or in `overridden` if it is a loading attribute'
  for (const [saved, supplied] of pairs(options, bench)) {
    const merged = (await AutoQuantizer.merge(plainJson(saved), supplied))!
    const attributes = bench.backend.loadingAttributes ?? []
    const [before, wanted] = [plainJson(saved), plainJson(supplied)]
    const differing = [...supplied.explicitKeys].filter(
      (key) => key !== 'quant_method' && !sameJson(before[key] ?? null, wanted[key] ?? null),
    )
    const listed = [...merged.ignored, ...merged.overridden].sort()
    demand(sameJson(listed, [...differing].sort()), `"${differing}" differ, "${listed}" are listed`, contract)
    const changed = differingKeys(before, plainJson(merged.config)).find((key) => !attributes.includes(key))
    demand(changed === undefined, `"${changed}" of the saved configuration was changed`, contract)
  }
}

const defaultsChangeNothing: Run = (options) => async (bench) => {
  for (const [saved, supplied] of pairs(options, bench)) {
    const untouched: QuantizationConfig = {
      quantMethod: supplied.quantMethod,
      backend: bench.backend,
      explicitKeys: new Set(),
      toDict: () => supplied.toDict(),
    }
    const merged = (await AutoQuantizer.merge(plainJson(saved), untouched))!
    const [key] = differingKeys(plainJson(saved), plainJson(merged.config))
    demand(
      key === undefined && merged.ignored.length === 0,
      `"${key ?? merged.ignored[0]}" was left at its default by the caller, and is changed or listed`,
      'only fields that were set on purpose are merged',
    )
  }
}

const loadingAttributes: Run = (options) => async (bench) => {
  const { backend } = bench
  const contract = 'a loading attribute that the caller sets is applied; everything else comes from the file'
  const saved = plainJson(first(options, bench))
  for (const key of backend.loadingAttributes ?? []) {
    const value = options.loadingAttributes?.[key]
    demand(
      value !== undefined,
      `the backend has the loading attribute "${key}", and the options of describeQuantizer give no value to try`,
      'options.loadingAttributes has a value other than the default for each loading attribute',
    )
    const supplied = backend.parseConfig({ ...saved, [key]: value })
    const merged = (await AutoQuantizer.merge(saved, {
      ...supplied,
      backend,
      toDict: () => supplied.toDict(),
      explicitKeys: new Set([key]),
      quantMethod: supplied.quantMethod,
    }))!
    const after = plainJson(merged.config)
    demand(
      sameJson(after[key], value),
      `"${key}" is ${JSON.stringify(after[key])} after loading with ${JSON.stringify(value)}`,
      contract,
    )
    demand(
      sameJson(merged.overridden, [key]),
      `\`overridden\` is ${JSON.stringify(merged.overridden)}`,
      contract,
    )
    const other = differingKeys(saved, after).find((changed) => changed !== key)
    demand(other === undefined, `"${other}" changed along with "${key}"`, contract)
  }
}

const otherMethod: Run = (options) => async (bench) => {
  const contract = 'a configuration of another method is refused before any file is read'
  const config = first(options, bench)
  const saved: JsonObject = { quant_method: 'testkit_other_method' }
  const error = await failing('a supplied configuration of another method than the saved one', contract, () =>
    AutoQuantizer.merge(saved, config),
  )
  demandTyped(error, 'a supplied configuration of another method than the saved one')
  demand(ConfigError.isInstance(error), `the error is a ${error.name}`, contract)
}

/** Each configuration saved, each other one supplied; a single one with itself. */
function pairs(
  options: ConformanceOptions,
  { backend }: Workbench,
): readonly (readonly [saved: QuantizationConfig, supplied: QuantizationConfig])[] {
  const configs = namedConfigs(options).map((named) => configOf(backend, named.config))
  const others = configs.flatMap((saved) =>
    configs.filter((other) => other !== saved).map((other) => [saved, other] as const),
  )
  return others.length > 0 ? others : [[configs[0]!, configs[0]!]]
}
