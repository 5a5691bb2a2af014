import { realpath } from 'node:fs/promises'
import { type QuantizationConfig, type RecipeOptions, recipe } from 'hfquant'
import { demoModel, storyList } from 'hfquant/demo'
import { UsageError } from '../output/failure.js'
import { readConfig } from './read-config.js'

/** The options that say how to quantize. */
export interface QuantizationChoice {
  readonly recipe?: string
  readonly config?: string
  readonly calibration?: string
  readonly samples?: number
  readonly sequenceLength?: number
}

/** The recipes that there are, and those of them that calibrate. */
export interface OfferedRecipes {
  readonly recipes: readonly string[]
  readonly calibratedRecipes: readonly string[]
}

/**
 * Before a model is looked for, which may be a download.
 *
 * @throws UsageError unless there is either a recipe or a config, with the options that belong to it.
 */
export async function checkChoice(
  model: string,
  choice: QuantizationChoice,
  offered: OfferedRecipes,
): Promise<void> {
  const { recipes } = offered
  if (choice.recipe === undefined && choice.config === undefined) {
    throw new UsageError('RECIPE_MISSING', 'neither --recipe nor --config says how to quantize', {
      field: 'recipe',
      expected: recipes,
      hint: `Add --recipe with one of ${recipes.join(', ')}.`,
    })
  }
  if (choice.config === undefined) {
    refuseStrayTexts(choice, offered)
    await demandTexts(model, choice, offered)
    return
  }
  const exclusive = (['recipe', 'samples', 'sequenceLength'] as const).find(
    (name) => choice[name] !== undefined,
  )
  if (exclusive === undefined) return
  const option = optionName(exclusive)
  throw new UsageError('OPTIONS_EXCLUSIVE', `--config and --${option} cannot be given together`, {
    field: option,
    hint: 'Leave out one of them.',
  })
}

/** Who gives texts to a recipe that reads none expects another result. */
function refuseStrayTexts(choice: QuantizationChoice, { recipes, calibratedRecipes }: OfferedRecipes): void {
  const name = choice.recipe!
  const stray = (['calibration', 'samples', 'sequenceLength'] as const).find(
    (one) => choice[one] !== undefined,
  )
  if (stray === undefined || calibratedRecipes.includes(name) || !recipes.includes(name)) return
  throw new UsageError(
    'OPTIONS_EXCLUSIVE',
    `--${optionName(stray)} is given, and ${name} does not calibrate`,
    {
      field: optionName(stray),
      expected: calibratedRecipes,
      hint: `Leave it out, or take a recipe that calibrates: ${calibratedRecipes.join(', ')}.`,
    },
  )
}

async function demandTexts(
  model: string,
  { recipe: name, calibration }: QuantizationChoice,
  { recipes, calibratedRecipes }: OfferedRecipes,
): Promise<void> {
  if (calibration !== undefined || !calibratedRecipes.includes(name!) || (await isDemo(model))) return
  const others = recipes.filter((each) => !calibratedRecipes.includes(each))
  throw new UsageError('CALIBRATION_MISSING', `${name} calibrates, and --calibration is not given`, {
    field: 'calibration',
    expected: 'a text or .jsonl file',
    hint: `Add --calibration with a text or .jsonl file, or take a recipe that needs none: ${others.join(', ')}.`,
  })
}

const optionName = (name: string): string => (name === 'sequenceLength' ? 'sequence-length' : name)

/** @throws ConfigError RECIPE_UNKNOWN with the list of recipes; as `readConfig` for a file. */
export async function chooseQuantization(
  folder: string,
  choice: QuantizationChoice,
): Promise<QuantizationConfig> {
  if (choice.config !== undefined) return readConfig(choice.config, choice.calibration, folder)
  return recipe(choice.recipe!, await calibrationOf(folder, choice))
}

/** What a recipe calibrates with. The demo model brings its own text: the stories of seed 3. */
async function calibrationOf(
  folder: string,
  { calibration: file, samples, sequenceLength }: QuantizationChoice,
): Promise<RecipeOptions> {
  if (file !== undefined) return { calibration: { file }, samples, sequenceLength }
  if (!(await isDemo(folder))) return { samples, sequenceLength }
  const demo = { samples: samples ?? 128, sequenceLength: sequenceLength ?? 256 }
  const stories = Math.min(Math.ceil((demo.samples * demo.sequenceLength) / STORY_TOKENS), MAX_STORIES)
  return { ...demo, calibration: storyList({ seed: 3, stories }) }
}

/** False for the name of a model of the hub, which is no path. */
const isDemo = async (model: string): Promise<boolean> =>
  (await realpath(model).catch(() => undefined)) === (await realpath(demoModel))

/** Fewer than any story has, so that there are enough of them. */
const STORY_TOKENS = 64
const MAX_STORIES = 20_000
