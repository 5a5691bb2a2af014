import type { Command } from 'commander'
import { type EntityGroup, GLiNER, inspectModel, pipeline, resolveModel } from 'hfquant'
import { type CommandSetup, type CommonOptions, MODEL, withCommonOptions } from '../command-setup.js'
import { isGliner } from '../encoders/is-gliner.js'
import { type LoadingOptions, loadOptions, withLoadingOptions } from '../encoders/load-options.js'
import { FILE_HELP, readInputs } from '../encoders/read-inputs.js'
import { names, share } from '../option-values.js'
import { UsageError } from '../output/failure.js'
import { formatNumber, formatTable } from '../output/format.js'
import { printJson, printLines } from '../output/print.js'
import { showDownload } from '../output/show-download.js'

interface EntitiesOptions extends CommonOptions, LoadingOptions {
  readonly labels?: readonly string[]
  readonly file?: string
  readonly threshold?: number
  readonly nested?: true
  readonly multiLabel?: true
}

/** As `gliner.serve` answers. */
interface FoundEntity {
  readonly start: number
  readonly end: number
  readonly text: string
  readonly label: string
  readonly score: number
}

export function addEntities(program: Command, setup: CommandSetup): void {
  const command = program
    .command('entities')
    .description('Find entities in texts: of any labels with GLiNER, or of the classes that a model has.')
    .argument('<model>', MODEL)
    .argument('[text...]', 'the texts; one that begins with a dash goes after "--" (default: standard input)')
    .option('--labels <list>', 'what GLiNER looks for, separated by commas', names)
    .option('--file <file>', FILE_HELP)
    .option('--threshold <p>', 'with --labels: scores have to be greater (default: 0.5)', share)
    .option('--nested', 'with --labels: entities may lie within others')
    .option('--multi-label', 'with --labels: an entity may have several labels')
  withCommonOptions(withLoadingOptions(command), [
    'hfquant entities ./gliner_small "Ada Lovelace lived in London." --labels person,place',
    'hfquant entities ./gliner_small --labels person,place --file letters.txt --json',
    'hfquant entities ./bert-base-NER "Ada Lovelace lived in London."',
  ]).action((model: string, texts: string[], options: EntitiesOptions) =>
    entities(model, texts, options, setup),
  )
}

async function entities(
  model: string,
  args: readonly string[],
  options: EntitiesOptions,
  setup: CommandSetup,
): Promise<void> {
  checkLabels(options)
  const texts = await readInputs(args, options.file)
  const found =
    options.labels === undefined
      ? await ofClasses(model, texts, options, setup)
      : await ofLabels(model, texts, options.labels, options, setup)
  setup.terminal.clear()
  if (options.json) printJson(texts.map((text, index) => ({ text, entities: found[index] })))
  else printLines(tableOf(found))
}

/** @throws UsageError OPTIONS_EXCLUSIVE for an option that takes labels. */
function checkLabels({ labels, threshold, nested, multiLabel }: EntitiesOptions): void {
  const given = Object.entries({ threshold, nested, 'multi-label': multiLabel })
  const stray = given.find(([, value]) => value !== undefined)?.[0]
  if (labels !== undefined || stray === undefined) return
  throw new UsageError('OPTIONS_EXCLUSIVE', `--${stray} is given without --labels`, {
    field: stray,
    hint: 'It is an option of GLiNER: add --labels, or leave it out.',
  })
}

async function ofLabels(
  model: string,
  texts: readonly string[],
  labels: readonly string[],
  { threshold, nested, multiLabel, ...options }: EntitiesOptions,
  setup: CommandSetup,
): Promise<readonly (readonly FoundEntity[])[]> {
  await using loaded = await GLiNER.fromPretrained(model, await loadOptions(options, setup))
  return await loaded.batchPredictEntities(texts, labels, {
    ...{ threshold, multiLabel, flatNer: !nested, signal: setup.signal },
  })
}

async function ofClasses(
  model: string,
  texts: readonly string[],
  options: EntitiesOptions,
  setup: CommandSetup,
): Promise<readonly (readonly FoundEntity[])[]> {
  const { terminal, signal } = setup
  const folder = await resolveModel(model, { signal, onProgress: showDownload(terminal) })
  if (isGliner(await inspectModel(folder, { signal }))) throw labelsMissing(model)
  await using classifier = await pipeline('token-classification', folder, await loadOptions(options, setup))
  const groups: EntityGroup[][] = await classifier(texts, { aggregation_strategy: 'simple', signal })
  return groups.map((own) =>
    own.map(({ entity_group: label, score, word: text, start, end }) => ({ start, end, text, label, score })),
  )
}

const labelsMissing = (model: string): UsageError =>
  new UsageError('LABELS_MISSING', `${model} is GLiNER, which finds the labels that it is told`, {
    field: 'labels',
    hint: 'Add for example --labels person,place.',
  })

/** A text is named by its number, where there are several. */
function tableOf(found: readonly (readonly FoundEntity[])[]): string[] {
  const isOne = found.length === 1
  const rows = found.flatMap((own, index) =>
    own.map(({ start, end, text, label, score }) => [
      ...(isOne ? [] : [String(index + 1)]),
      ...[String(start), String(end), formatNumber(score, 4), label, text],
    ]),
  )
  if (rows.length === 0) return ['no entities']
  const heads = [...(isOne ? [] : ['text']), 'start', 'end', 'score', 'label', 'entity']
  return formatTable([heads, ...rows])
}
