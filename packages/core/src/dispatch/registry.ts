import type { JsonObject } from '../contract/json.js'
import type { CheckpointHeaders, ConfigFile, QuantizationConfig } from '../contract/quantizer.js'
import type { ObjectFlattener } from '../contract/stored-object.js'
import { ConfigError, EnvironmentError } from '../errors/families.js'
import { quote } from '../errors/quote.js'
import type { ConversionSource } from './converting-quantizer.js'
import type { HfQuantizer } from './hf-quantizer.js'
import { importPlugIn, isAbsent } from './plug-in.js'

/** What a backend package registers: how to read its configuration and how to start its quantizer. */
export interface QuantizerBackend {
  /** `quant_method` of config.json. */
  readonly quantMethod: string
  /** JSON keys of a saved configuration that a caller may change while loading; all others are settled by the file. */
  readonly loadingAttributes?: readonly string[]
  /** JSON keys that say how weights are stored: a caller who sets one to another value than the file has is refused. */
  readonly recipeKeys?: readonly string[]
  /** Where configurations are kept, if not in config.json. */
  readonly configFile?: ConfigFile
  /** The config that quantizes the output projection as well. */
  withOutputProjection?(config: QuantizationConfig): QuantizationConfig
  /** @throws ConfigError that names the field. */
  parseConfig(json: JsonObject): QuantizationConfig
  /** True for a block that says that nothing is quantized: the model is loaded as if there was none. */
  isSwitchedOff?(json: JsonObject): boolean
  /** The config of a checkpoint whose config.json lost it; undefined when nothing in it is quantized. */
  recoverConfig?(headers: CheckpointHeaders): QuantizationConfig | undefined
  /** How the objects that the method's Python library pickles become the tensors of the method. */
  readonly objects?: ObjectFlattener
  create(config: QuantizationConfig, preQuantized: boolean): HfQuantizer
  /** What stores the weights of another method unchanged; absent for a method that cannot. */
  convert?(source: ConversionSource): HfQuantizer
}

/** How a method is told from all others before its package is imported. */
export interface MethodSigns {
  readonly quantMethod: string
  /** True for a configuration that belongs to this method whatever its `quant_method` says. */
  claims?(json: JsonObject): boolean
  /** True for headers that look like this method's: then, and only then, the package is imported to recover a config. */
  recognizes?(headers: CheckpointHeaders): boolean
  /** Where its configurations are kept, if not in config.json. */
  readonly configFile?: ConfigFile
  /** True for a class that this method's Python library pickles: then the package is imported to read it. */
  ownsClass?(className: string): boolean
}

/** A backend that is imported when a model asks for it. */
export interface LazyQuantizer extends MethodSigns {
  /** Package to name in the install hint. */
  readonly packageName: string
  load(): Promise<QuantizerBackend>
}

/** Recognizes headers by the name of a tensor. */
export const hasTensor =
  (pattern: RegExp): NonNullable<MethodSigns['recognizes']> =>
  ({ tensors }) =>
    [...tensors.keys()].some((name) => pattern.test(name))

const registered = new Map<string, QuantizerBackend>()
const lazy = new Map<string, LazyQuantizer>()

/**
 * Makes a backend known under its `quant_method`.
 *
 * @throws ConfigError QUANTIZER_INVALID for what is no backend; QUANTIZER_DUPLICATE if another one holds that name.
 */
export function registerQuantizer(backend: QuantizerBackend): void {
  if (!isBackend(backend)) {
    throw new ConfigError('QUANTIZER_INVALID', 'what is to be registered is no quantizer', {
      found: typeof backend,
      expected: 'what defineQuantizer returns, or an object with quantMethod, parseConfig and create',
      hint: 'Pass what defineQuantizer returns: the export `quantizer` of a backend package.',
    })
  }
  const known = registered.get(backend.quantMethod)
  if (known === backend) return
  if (known !== undefined) {
    throw new ConfigError(
      'QUANTIZER_DUPLICATE',
      `quant_method "${backend.quantMethod}" is registered already`,
      {
        field: 'quant_method',
        found: backend.quantMethod,
        hint: 'Two packages claim the same method; register one of them.',
      },
    )
  }
  registered.set(backend.quantMethod, backend)
}

const isBackend = (value: unknown): value is QuantizerBackend => {
  const { quantMethod, parseConfig, create } = Object(value) as Partial<Record<string, unknown>>
  return (
    typeof quantMethod === 'string' && [parseConfig, create].every((member) => typeof member === 'function')
  )
}

/** Makes a backend known that is imported on first use. A backend registered before that first use wins. */
export function registerLazyQuantizer(entry: LazyQuantizer): void {
  lazy.set(entry.quantMethod, entry)
}

/** Methods that can be named in a configuration. */
export const knownMethods = (): string[] => [...new Set([...registered.keys(), ...lazy.keys()])].sort()

/** Every file of its own in which a method keeps its configuration. */
export const configFiles = (): readonly (ConfigFile & { readonly quantMethod: string })[] =>
  [...registered.values(), ...lazy.values()].flatMap(({ quantMethod, configFile }) =>
    configFile === undefined ? [] : [{ ...configFile, quantMethod }],
  )

/** The method of a configuration block. */
export function methodOf(json: JsonObject): string {
  for (const entry of lazy.values()) if (entry.claims?.(json)) return entry.quantMethod
  const method = json.quant_method
  if (typeof method === 'string') return method
  const found = method === undefined ? 'has no quant_method' : `has quant_method ${quote(method)}`
  throw new ConfigError('QUANT_METHOD_MISSING', `the quantization config ${found}, expected a string`, {
    field: 'quant_method',
    found: method,
    expected: knownMethods(),
    hint: `Known methods: ${knownMethods().join(', ')}.`,
  })
}

/**
 * The config of a quantized checkpoint whose config.json does not mention it. Nothing names the package of a plug-in
 * then: plug-ins are asked when they are registered.
 */
export async function recoverConfig(headers: CheckpointHeaders): Promise<QuantizationConfig | undefined> {
  for (const backend of registered.values()) {
    const recovered = lazy.has(backend.quantMethod) ? undefined : backend.recoverConfig?.(headers)
    if (recovered !== undefined) return recovered
  }
  for (const entry of lazy.values()) {
    if (!entry.recognizes?.(headers)) continue
    const recovered = (await findBackend(entry.quantMethod)).recoverConfig?.(headers)
    if (recovered !== undefined) return recovered
  }
  return undefined
}

/** Whether headers look like those of a method; undefined for a method that does not say how its headers look. */
export const recognizes = (method: string, headers: CheckpointHeaders): boolean | undefined =>
  lazy.get(method)?.recognizes?.(headers)

/** What reads pickled objects of a class; undefined when no backend at hand does. */
export async function findFlattener(className: string): Promise<ObjectFlattener | undefined> {
  for (const { objects } of registered.values()) if (objects?.owns(className)) return objects
  for (const entry of lazy.values()) {
    if (entry.ownsClass?.(className)) return (await findBackend(entry.quantMethod)).objects
  }
  return undefined
}

/** What a method's name was read for. */
export interface MethodSource {
  /** The model that is being loaded: code that comes with it, or lies around it, is never imported. */
  readonly modelFolder?: string | undefined
}

/**
 * The backend of a method: a registered one, or one that is imported now.
 *
 * A method nobody registered is looked for in a package named after it, so that installing a plug-in is enough: see
 * `resolvePlugIn` for where.
 *
 * @throws EnvironmentError QUANTIZER_NOT_INSTALLED for a known method whose package is absent.
 * QUANTIZER_BROKEN and QUANTIZER_INVALID for a plug-in that is installed and cannot be used.
 * @throws ConfigError QUANT_METHOD_UNKNOWN for any other name; a quantized model is never loaded as a float one.
 */
export async function findBackend(method: string, source: MethodSource = {}): Promise<QuantizerBackend> {
  const found = registered.get(method)
  if (found !== undefined) return found
  const entry = lazy.get(method)
  const backend = entry === undefined ? await importNamed(method, source) : await importLazy(entry)
  registered.set(method, backend)
  return backend
}

async function importLazy(entry: LazyQuantizer): Promise<QuantizerBackend> {
  try {
    return await entry.load()
  } catch (cause) {
    if (!isAbsent(cause, entry.packageName)) throw cause
    throw new EnvironmentError(
      'QUANTIZER_NOT_INSTALLED',
      `quant_method "${entry.quantMethod}" needs the package ${entry.packageName}, which is not installed`,
      { field: 'quant_method', found: entry.quantMethod, hint: `npm install ${entry.packageName}`, cause },
    )
  }
}

async function importNamed(method: string, { modelFolder }: MethodSource): Promise<QuantizerBackend> {
  if (!METHOD_NAME.test(method)) throw unknownMethod(method, 'Correct the quantization config.')
  const packageName = `hfquant-backend-${method.replaceAll('_', '-')}`
  const request = { modelFolder, field: 'quant_method', found: method, brokenCode: 'QUANTIZER_BROKEN' }
  const imported = await importPlugIn(packageName, request)
  if (imported.exports === undefined) {
    const register = 'import the plug-in in the application and call registerQuantizer'
    const hint =
      imported.refused === undefined
        ? `If a plug-in provides it, install it (it would be called ${packageName}) as a dependency of the application, or ${register}.`
        : `There is a ${packageName}, but ${imported.refused}. If you trust it, ${register}.`
    throw unknownMethod(method, hint)
  }
  const { quantizer } = imported.exports
  if (isBackend(quantizer) && quantizer.quantMethod === method) return quantizer
  throw new EnvironmentError('QUANTIZER_INVALID', `${packageName} exports no \`quantizer\` for "${method}"`, {
    field: 'quant_method',
    found: method,
    hint: 'The package must export `quantizer`, made by defineQuantizer or implementing QuantizerBackend.',
  })
}

/** What can be part of a package name. */
const METHOD_NAME = /^[a-z0-9][a-z0-9_-]*$/

function unknownMethod(method: string, hint: string): ConfigError {
  const known = knownMethods()
  return new ConfigError(
    'QUANT_METHOD_UNKNOWN',
    `quant_method ${quote(method)} is unknown, expected one of ${known.join(', ')}`,
    { field: 'quant_method', found: method, expected: known, hint },
  )
}
