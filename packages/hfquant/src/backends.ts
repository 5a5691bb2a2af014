import {
  ConfigError,
  checkOptions,
  closestName,
  MethodConfig,
  type MethodSigns,
  type QuantizationConfig,
  type QuantizerBackend,
  quote,
  registerLazyQuantizer,
} from '@hfquant/core/runtime'
import { isPrecision, registerInt8 } from '@hfquant/transformers'
import { shippedBackends } from './shipped-backends.js'

/** What every shipped backend package exports. */
interface BackendModule {
  readonly quantizer: QuantizerBackend
  /** Of a package with several methods. */
  readonly quantizers?: readonly QuantizerBackend[]
  /** Named configurations, the ones that the command line offers. */
  readonly recipes: Readonly<Record<string, (options?: RecipeOptions) => QuantizationConfig>>
  /** Names that other tools give to what cannot be made here; each throws a CapabilityError that says why. */
  readonly refusedRecipes?: Readonly<Record<string, () => never>>
}

/** What a recipe may be given; those that need none of it take no notice. */
export interface RecipeOptions {
  /** Texts, lists of token ids, a source of either, or a file, for recipes that calibrate. */
  readonly calibration?:
    | readonly (string | readonly number[])[]
    | AsyncIterable<string | readonly number[]>
    | { readonly file: string }
    | undefined
  /** Calibration sequences at most. */
  readonly samples?: number | undefined
  /** Tokens of a calibration sequence. */
  readonly sequenceLength?: number | undefined
}

/** A package with backends that come with hfquant. Its package.json puts it into the list of `shippedBackends`. */
export interface ShippedPackage {
  readonly packageName: string
  /** Of each method of the package. */
  readonly signs: readonly MethodSigns[]
  import(): Promise<BackendModule>
}

/** Makes the shipped backends known; each is imported when a model asks for it. */
export function registerShippedBackends(): void {
  for (const { packageName, signs, import: load } of shippedBackends) {
    for (const own of signs) {
      registerLazyQuantizer({ ...own, packageName, load: async () => backendOf(own, await load()) })
    }
  }
  registerInt8(() => recipe(INT8_RECIPE))
}

const backendOf = ({ quantMethod }: MethodSigns, module: BackendModule): QuantizerBackend =>
  module.quantizers?.find((backend) => backend.quantMethod === quantMethod) ?? module.quantizer

/** What `quantize: 'int8'` stands for: of the 8-bit recipes, the one that leaves activations alone. */
const INT8_RECIPE = 'int8-weight-only'

/** A shipped backend, and whether it can be used here. */
export interface InstalledBackend {
  readonly method: string
  readonly packageName: string
  readonly recipes: readonly string[]
  /** Why the package cannot be imported. */
  readonly problem?: string
}

/** Imports every shipped backend and says what came of it. */
export function installedBackends(): Promise<readonly InstalledBackend[]> {
  const methods = shippedBackends.flatMap((own) =>
    own.signs.map(({ quantMethod }, index) => ({ ...own, method: quantMethod, isFirst: index === 0 })),
  )
  return Promise.all(
    methods.map(async ({ method, isFirst, packageName, import: load }) => {
      try {
        const { recipes } = await load()
        return { method, packageName, recipes: isFirst ? Object.keys(recipes) : [] }
      } catch (error) {
        return {
          method,
          packageName,
          recipes: [],
          problem: error instanceof Error ? error.message : String(error),
        }
      }
    }),
  )
}

/** The names that `recipe` accepts. */
export async function recipeNames(): Promise<readonly string[]> {
  return Object.keys(await allRecipes())
}

/** Those of them that need calibration data. */
export async function calibratedRecipeNames(): Promise<readonly string[]> {
  const recipes = Object.entries(await allRecipes())
  return recipes.filter(([, make]) => calibrates(make())).map(([name]) => name)
}

/** Methods that models of other methods can be converted to. */
export async function conversionTargets(): Promise<readonly string[]> {
  const modules = await Promise.all(shippedBackends.map((backend) => backend.import()))
  const backends = modules.flatMap(({ quantizer, quantizers }) => quantizers ?? [quantizer])
  return backends.flatMap(({ quantMethod, convert }) => (convert === undefined ? [] : [quantMethod])).sort()
}

const calibrates = (config: QuantizationConfig): boolean =>
  config instanceof MethodConfig && config.backend.definition.calibrate?.defers(config.value) === true

/**
 * A quantization configuration by name.
 *
 * @throws ConfigError RECIPE_UNKNOWN with the list of names; the hint has the likeliest one. CapabilityError
 * RECIPE_UNAVAILABLE for a recipe of other tools that cannot be made on this runtime.
 */
export async function recipe(name: string, options: RecipeOptions = {}): Promise<QuantizationConfig> {
  checkOptions(options, ['calibration', 'samples', 'sequenceLength'])
  const known = await allRecipes()
  const make = Object.hasOwn(known, name) ? known[name] : undefined
  if (make !== undefined) return make(options)
  const refusals = await Promise.all(
    shippedBackends.map(async (backend) => (await backend.import()).refusedRecipes ?? {}),
  )
  for (const refused of refusals) if (Object.hasOwn(refused, name)) refused[name]!()
  const names = Object.keys(known)
  throw new ConfigError(
    'RECIPE_UNKNOWN',
    `recipe ${quote(name)} is unknown, expected one of ${names.join(', ')}`,
    {
      field: 'recipe',
      found: name,
      expected: names,
      hint: suggestion(name, names),
    },
  )
}

/** A name that was begun and not ended is likelier than a misspelt one; a precision is neither. */
function suggestion(name: unknown, names: readonly string[]): string {
  if (typeof name !== 'string') return `Pass a name, such as recipe('nf4').`
  if (isPrecision(name))
    return `It is a precision, not a quantization: dtype, on the command line --dtype ${name}.`
  return `Did you mean "${names.find((known) => known.startsWith(name)) ?? closestName(name, names)}"?`
}

async function allRecipes(): Promise<Record<string, (options?: RecipeOptions) => QuantizationConfig>> {
  const modules = await Promise.all(shippedBackends.map((backend) => backend.import()))
  return Object.assign({}, ...modules.map(({ recipes }) => recipes))
}
