import type { QuantizerBackend } from '@hfquant/core'
import { configOf } from './json.js'
import type { ConfigUnderTest, ConformanceOptions } from './options.js'
import type { Workbench } from './workbench.js'

/** What a check is about; the suite is grouped by it. */
export type Topic =
  | 'configuration'
  | 'lifecycle'
  | 'choice of modules'
  | 'components'
  | 'save and reload'
  | 'determinism'
  | 'memory'
  | 'computation'
  | 'capabilities'
  | 'errors'
  | 'front door'

/** Makes quantized weights of float ones without calibration; writes them to files; stores those of other methods. */
export type Ability = 'quantizing' | 'saving' | 'converting'

/** One thing that every backend does. */
export interface ConformanceCheck {
  readonly topic: Topic
  /** What is expected, as a sentence, with the rows of the behaviour table it covers: "… (row 17)". */
  readonly title: string
  /** What a method has to be able to do; where it cannot, the check is left out and the refusal is checked instead. */
  readonly needs?: readonly Ability[]
  /** @throws ContractBreach that says what is wrong and what the contract says. */
  run(bench: Workbench): Promise<void>
}

/** A configuration under test with its name and what was left out filled in. */
export interface NamedConfig extends Required<ConfigUnderTest> {
  readonly name: string
}

/** The configurations of the options, complete. */
export const namedConfigs = ({ configs }: ConformanceOptions): readonly NamedConfig[] =>
  Object.entries(configs).map(([name, config]) => ({
    name,
    quantizes: () => true,
    largestError: 0.5,
    fastError: 0.05,
    bitsPerWeight: 16,
    ...config,
  }))

/** Checks by their titles, each made of every configuration. */
export const forEachConfig = (
  options: ConformanceOptions,
  topic: Topic,
  checks: Readonly<Record<string, (bench: Workbench, config: NamedConfig) => Promise<void>>>,
): readonly ConformanceCheck[] =>
  Object.entries(checks).flatMap(([title, run]) =>
    namedConfigs(options).map((config) => ({
      topic,
      title: `${config.name}: ${title}`,
      run: (bench) => run(bench, config),
    })),
  )

/** Checks that only make sense for methods with these abilities. */
export const needing = (
  needs: readonly Ability[],
  checks: readonly ConformanceCheck[],
): readonly ConformanceCheck[] => checks.map((check) => ({ ...check, needs }))

/** What the quantizer of a configuration can do, as it says. */
export function abilitiesOf(backend: QuantizerBackend, { config }: NamedConfig): ReadonlySet<Ability> {
  const { requiresCalibration, isSerializable } = backend.create(configOf(backend, config), false)
  return new Set<Ability>([
    ...(requiresCalibration ? [] : (['quantizing'] as const)),
    ...(isSerializable ? (['saving'] as const) : []),
    ...(backend.convert ? (['converting'] as const) : []),
  ])
}
