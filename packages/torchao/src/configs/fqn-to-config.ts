import { compilePattern, type Pattern, type Skip, skip, type WeightInfo } from '@hfquant/core'
import { wrong } from '../encoding/decode.js'
import { mapValue, type ObjectValue, objectValue, type Value } from '../encoding/values.js'
import type { TorchAoFormat } from '../tensors/torchao-format.js'
import type { TorchAoBaseConfig } from './base-config.js'

const CLASS_NAME = 'FqnToConfig'

/** Longer than any list of a real model's modules, short enough to be matched against all of its weights. */
const MAX_ENTRIES = 10_000

type Entries = Readonly<Record<string, TorchAoBaseConfig | null>>

/** The entry that decides about a weight. */
interface Match {
  readonly key: string
  /** null: the weight stays in float. */
  readonly config: TorchAoBaseConfig | null
  /** The first other pattern that names the weight and says something else. */
  readonly rival: string | undefined
}

/**
 * A config for each parameter or module, by its name. The first match wins: the exact parameter
 * ("model.layers.0.mlp.up_proj.weight"), the exact module, the first "re:" pattern that is all of the parameter's name,
 * the first that is all of the module's name, and last "_default", which stands for linear layers. null leaves a weight in
 * float, as does having no match.
 *
 * config.json is written with sorted keys: patterns that match the same weight should agree.
 */
export class FqnToConfig implements TorchAoBaseConfig {
  readonly className = CLASS_NAME
  readonly version = 1
  readonly fqnToConfig: Entries
  private readonly patterns: readonly (readonly [key: string, pattern: Pattern])[]

  /** @throws ConfigError for a pattern that `compilePattern` refuses, or for too many entries. */
  constructor(fqnToConfig: Entries) {
    const keys = Object.keys(fqnToConfig)
    if (keys.length > MAX_ENTRIES) {
      throw wrong('FIELD_VALUE', 'fqn_to_config', `${keys.length} entries`, `at most ${MAX_ENTRIES}`)
    }
    this.fqnToConfig = fqnToConfig
    this.patterns = keys
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => [key, compilePattern(key.slice(PREFIX.length), 'fullmatch', 'fqn_to_config')])
  }

  encoded(): ObjectValue {
    const entries = new Map<string, Value>(
      Object.entries(this.fqnToConfig).map(([key, config]) => [key, config?.encoded() ?? null]),
    )
    // torchao writes both names of the field.
    const fields = { fqn_to_config: mapValue(entries), module_fqn_to_config: mapValue(entries) }
    return objectValue(CLASS_NAME, fields, this.version)
  }

  describe(): string {
    return `${CLASS_NAME}(${Object.keys(this.fqnToConfig).join(', ')})`.slice(0, 200)
  }

  storedAs(weight: WeightInfo): string {
    return this.configFor(weight)?.storedAs(weight) ?? 'a float tensor'
  }

  formatFor(weight: WeightInfo): TorchAoFormat | Skip {
    const match = this.match(weight.path)
    if (match === undefined) return skip(`has no entry in ${CLASS_NAME}`)
    const { key, config, rival } = match
    const unlike = rival === undefined ? '' : `; "${rival}" names it as well, with another config`
    if (config === null) return skip(`is left in float by ${CLASS_NAME} ("${key}")${unlike}`)
    const format = config.formatFor(weight)
    if ('skip' in format || rival === undefined) return format
    const warning = `${CLASS_NAME} quantizes ${weight.path} as "${key}" says${unlike}`
    return { ...format, warnings: [...(format.warnings ?? []), warning] }
  }

  /** The config of one weight; undefined when it stays in float. */
  configFor({ path }: Pick<WeightInfo, 'path'>): TorchAoBaseConfig | undefined {
    return this.match(path)?.config ?? undefined
  }

  /** True when an entry other than "_default" gives the module a config. */
  names(path: string): boolean {
    const match = this.match(path)
    return match !== undefined && match.key !== DEFAULT && match.config !== null
  }

  private match(path: string): Match | undefined {
    const parameter = `${path}.weight`
    for (const key of [parameter, path]) {
      if (Object.hasOwn(this.fqnToConfig, key)) return this.found(key, [])
    }
    const matching = [parameter, path].flatMap((name) =>
      this.patterns.filter(([, pattern]) => pattern.test(name)).map(([key]) => key),
    )
    const [first, ...others] = matching
    if (first !== undefined) return this.found(first, others)
    return Object.hasOwn(this.fqnToConfig, DEFAULT) ? this.found(DEFAULT, []) : undefined
  }

  private found(key: string, others: readonly string[]): Match {
    const config = this.fqnToConfig[key] ?? null
    const said = JSON.stringify(config?.encoded())
    const rival = others.find((other) => JSON.stringify(this.fqnToConfig[other]?.encoded()) !== said)
    return { key, config, rival }
  }
}

const DEFAULT = '_default'
const PREFIX = 're:'
