import {
  AutoQuantizationConfig,
  ConfigError,
  type JsonObject,
  type QuantizationConfig,
  type QuantizationConfigInput,
  type QuantizerBackend,
} from '@hfquant/core/runtime'
import { demand, demandTyped, failing, succeeding } from '../conformance/breach.js'
import { type ConformanceCheck, forEachConfig, type NamedConfig } from '../conformance/check.js'
import { configOf, differingKeys, isConfig, plainJson, sameJson } from '../conformance/json.js'
import type { ConformanceOptions } from '../conformance/options.js'
import type { Workbench } from '../conformance/workbench.js'

const topic = 'configuration'

/** Reading and writing `quantization_config`. */
export const configurationChecks = (options: ConformanceOptions): readonly ConformanceCheck[] => [
  ...forEachConfig(options, topic, {
    'goes to JSON and back unchanged (rows 5, 6, 25, 29)': ofConfig(roundTrip),
    'knows which keys were set on purpose': ofConfig(explicitKeys),
    'survives an unknown key, or refuses it by name': ofConfig(unknownKey),
    'refuses values of the wrong type with a ConfigError that names the key': ofConfig(wrongTypes),
  }),
  ...Object.entries(options.refused ?? {}).map(
    ([name, json]): ConformanceCheck => ({
      topic,
      title: `refuses ${name}`,
      run: async ({ backend }) => refused(backend, name, json),
    }),
  ),
  ...Object.entries(options.spellings ?? {}).map(
    ([name, { json, means }]): ConformanceCheck => ({
      topic,
      title: `reads ${name}`,
      run: async ({ backend }) => spelling(backend, name, json, means),
    }),
  ),
]

/** A check that needs no model. */
const ofConfig =
  (check: (backend: QuantizerBackend, config: QuantizationConfig) => Promise<void>) =>
  ({ backend }: Workbench, { config }: NamedConfig): Promise<void> =>
    check(backend, configOf(backend, config))

const ROUND_TRIP =
  'config.json gets toDict(), with quant_method and every key that Python writes; parseConfig of it gives an equal configuration'

async function roundTrip(backend: QuantizerBackend, config: QuantizationConfig): Promise<void> {
  const json = plainJson(config)
  demand(
    json.quant_method === backend.quantMethod && config.quantMethod === backend.quantMethod,
    `toDict() has quant_method ${JSON.stringify(json.quant_method)}, the backend is called "${backend.quantMethod}"`,
    ROUND_TRIP,
  )
  const before = JSON.stringify(json)
  const parsed = await succeeding('parseConfig(toDict())', ROUND_TRIP, async () => backend.parseConfig(json))
  demand(
    JSON.stringify(json) === before,
    'parseConfig changed the object that it was given',
    'parseConfig only reads',
  )
  const again = plainJson(parsed)
  const [key] = differingKeys(json, again)
  demand(
    key === undefined,
    () =>
      `"${key}" is ${JSON.stringify(json[key!])} in the configuration, and ${JSON.stringify(again[key!])} after toDict() and parseConfig`,
    ROUND_TRIP,
  )
  demand(sameJson(plainJson(config), json), 'two calls of toDict() differ', 'toDict() has no side effect')
  const automatic = await succeeding('AutoQuantizationConfig.fromDict(toDict())', ROUND_TRIP, () =>
    AutoQuantizationConfig.fromDict(json),
  )
  demand(
    sameJson(plainJson(automatic), json),
    'AutoQuantizationConfig.fromDict reads the block as something else',
    'the dispatcher finds the backend by quant_method and leaves the parsing to it (row 36)',
  )
}

const EXPLICIT = 'explicitKeys of a parsed configuration are the keys that the JSON holds, not the defaults'

async function explicitKeys(backend: QuantizerBackend, config: QuantizationConfig): Promise<void> {
  const json = plainJson(config)
  const { explicitKeys: found } = backend.parseConfig(json)
  const missing = Object.keys(json).find((key) => key !== 'quant_method' && !found.has(key))
  demand(missing === undefined, `"${missing}" was given and is not among explicitKeys`, EXPLICIT)
  const extra = [...found].find((key) => !Object.hasOwn(json, key))
  demand(extra === undefined, `"${extra}" is among explicitKeys and was not given`, EXPLICIT)
  for (const key of config.explicitKeys) {
    demand(
      Object.hasOwn(json, key),
      `explicitKeys names "${key}", which toDict() does not write`,
      'explicitKeys are JSON keys, so that merging finds them in the saved block',
    )
  }
}

const UNKNOWN_KEY =
  'an unknown key is refused with a ConfigError that names it, or ignored; nothing else changes'

async function unknownKey(backend: QuantizerBackend, config: QuantizationConfig): Promise<void> {
  const json = plainJson(config)
  let parsed: QuantizationConfig
  try {
    parsed = backend.parseConfig({ ...json, testkit_unknown_key: 1 })
  } catch (error) {
    demandTyped(error, 'parseConfig with an unknown key')
    demand(
      ConfigError.isInstance(error) && error.message.includes('testkit_unknown_key'),
      `the refusal of the unknown key "testkit_unknown_key" is ${error.name}: ${error.message}`,
      UNKNOWN_KEY,
    )
    return
  }
  const { testkit_unknown_key: _, ...rest } = plainJson(parsed)
  const [key] = differingKeys(json, rest)
  demand(key === undefined, `an unknown key changed "${key}"`, UNKNOWN_KEY)
}

const WRONG_VALUES: readonly unknown[] = [{ surprise: true }, [{ surprise: true }], 'surprise', -7.5, true]

async function wrongTypes(backend: QuantizerBackend, config: QuantizationConfig): Promise<void> {
  const json = plainJson(config)
  for (const key of Object.keys(json)) {
    const kept = WRONG_VALUES.filter((value) => {
      try {
        return sameJson(plainJson(backend.parseConfig({ ...json, [key]: value }))[key], value)
      } catch (error) {
        demandTyped(error, `parseConfig with ${key}: ${JSON.stringify(value)}`)
        return false
      }
    })
    demand(
      kept.length < WRONG_VALUES.length,
      `"${key}" takes an object, a list, a text, a number and a boolean alike`,
      'parseConfig checks the type of every key that it uses; see readString, readInteger, … of @hfquant/core',
    )
  }
}

const REFUSED =
  'a value that the method cannot work with is refused before any file is read, by a typed error whose `field` or message names the key'

async function refused(backend: QuantizerBackend, name: string, json: JsonObject): Promise<void> {
  const error = await failing(`${name}: ${JSON.stringify(json)}`, REFUSED, () => {
    const quantizer = backend.create(backend.parseConfig(json), false)
    quantizer.validateEnvironment({ devices: ['cpu'], has: () => true })
  })
  demandTyped(error, name)
  demand(
    error.field !== undefined || Object.keys(json).some((key) => error.message.includes(key)),
    `${name} is refused without a field: ${error.message}`,
    REFUSED,
  )
}

async function spelling(
  backend: QuantizerBackend,
  name: string,
  json: JsonObject,
  means: QuantizationConfigInput,
): Promise<void> {
  const contract =
    'a configuration has one meaning, however it is spelled, and one spelling when it is written'
  const parsed = await succeeding(`reading ${name}`, contract, async () => backend.parseConfig(json))
  const found = plainJson(parsed)
  const wanted = isConfig(means) ? plainJson(means) : (means as JsonObject)
  const key = Object.keys(wanted).find((candidate) => !sameJson(found[candidate], wanted[candidate]))
  demand(
    key === undefined,
    () => `${name}: "${key}" is ${JSON.stringify(found[key!])}, expected ${JSON.stringify(wanted[key!])}`,
    contract,
  )
}
