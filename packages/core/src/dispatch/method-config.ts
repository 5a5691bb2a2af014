import type { JsonObject } from '../contract/json.js'
import type { QuantizationConfig } from '../contract/quantizer.js'
import { checkOptions } from '../errors/check-options.js'
import type { DefinedQuantizer } from './define-quantizer.js'

/** A configuration of a defined quantizer. `value` is what the definition's own functions work with. */
export class MethodConfig<Config> implements QuantizationConfig {
  readonly quantMethod: string

  constructor(
    readonly backend: DefinedQuantizer<Config>,
    readonly value: Config,
    readonly explicitKeys: ReadonlySet<string>,
  ) {
    this.quantMethod = backend.quantMethod
  }

  get label(): string | undefined {
    return this.backend.definition.config.label?.(this.value)
  }

  toDict(): JsonObject {
    const json = this.backend.definition.config.format(this.value)
    return 'quant_method' in json ? json : { ...json, quant_method: this.quantMethod }
  }
}

/** How a class of configurations reads its options. */
export interface OptionRules<Options, Config> {
  /** Name of the class, for messages. */
  readonly name: string
  readonly backend: DefinedQuantizer<Config>
  /** JSON key of every option; null for one that config.json does not have. */
  readonly keys: Readonly<Record<keyof Options & string, string | null>>
  /**
   * Makes the settings, from the JSON of the options with a key and from the other ones. By default `config.parse` reads the
   * JSON, and options without a key are members of the same name.
   *
   * @throws ConfigError that names the option.
   */
  read?(json: JsonObject, others: JsonObject): Config
}

/**
 * A configuration made from options in camelCase: `class MyConfig extends OptionsConfig<MyOptions, MySettings>`. What is
 * undefined counts as left out; what is left out has the default of `config.parse`.
 *
 * @throws ConfigError OPTIONS_TYPE for what is no object, OPTION_UNKNOWN for an option that the class does not have, and
 * whatever `parse` throws.
 */
export class OptionsConfig<Options extends object, Config> extends MethodConfig<Config> {
  constructor({ name, backend, keys, read }: OptionRules<Options, Config>, options: Options) {
    checkOptions(options, Object.keys(keys), name)
    const given = Object.entries(options).filter(([, value]) => value !== undefined)
    const keyOf = (option: string) => keys[option as keyof Options & string]
    const json = Object.fromEntries(
      given.flatMap(([option, value]) => (keyOf(option) === null ? [] : [[keyOf(option), value]])),
    )
    const others = Object.fromEntries(given.filter(([option]) => keyOf(option) === null))
    const settings = read?.(json, others) ?? { ...backend.definition.config.parse(json), ...others }
    super(backend, settings, new Set(Object.keys(json)))
  }
}
