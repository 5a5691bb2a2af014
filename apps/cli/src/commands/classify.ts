import type { Command } from 'commander'
import { AutoModelForSequenceClassification, type LabelScore } from 'hfquant'
import { type CommandSetup, type CommonOptions, MODEL, withCommonOptions } from '../command-setup.js'
import { type LoadingOptions, loadOptions, withLoadingOptions } from '../encoders/load-options.js'
import { FILE_HELP, readInputs } from '../encoders/read-inputs.js'
import { wholeNumber } from '../option-values.js'
import { formatNumber, formatTable } from '../output/format.js'
import { printJson, printLines } from '../output/print.js'

interface ClassifyOptions extends CommonOptions, LoadingOptions {
  readonly file?: string
  readonly query?: string
  readonly top?: number
}

export function addClassify(program: Command, setup: CommandSetup): void {
  const command = program
    .command('classify')
    .description('Say which class texts belong to, or how well they answer a query.')
    .argument('<model>', MODEL)
    .argument('[text...]', 'the texts; one that begins with a dash goes after "--" (default: standard input)')
    .option('--file <file>', FILE_HELP)
    .option('--query <text>', 'for rerankers: read the query and each text as a pair')
    .option('--top <n>', 'classes of a text at most (default: all of them)', wholeNumber(1))
  withCommonOptions(withLoadingOptions(command), [
    'hfquant classify ./sentiment "What a fine day!"',
    'hfquant classify ./reranker --query "who lives by the sea?" --file documents.txt --json',
  ]).action((model: string, texts: string[], options: ClassifyOptions) =>
    classify(model, texts, options, setup),
  )
}

async function classify(
  model: string,
  args: readonly string[],
  { json, file, query, top, ...options }: ClassifyOptions,
  setup: CommandSetup,
): Promise<void> {
  const texts = await readInputs(args, file)
  await using loaded = await AutoModelForSequenceClassification.fromPretrained(
    model,
    await loadOptions(options, setup),
  )
  const inputs = query === undefined ? texts : texts.map((textPair) => ({ text: query, textPair }))
  const classified = await loaded.classify(inputs, { truncation: true, signal: setup.signal })
  setup.terminal.clear()
  const found = classified.map(({ scores }) => scores.slice(0, top))
  if (json) printJson(texts.map((text, index) => ({ text, scores: found[index] })))
  else printLines(tableOf(texts, found))
}

/** More of a text is not shown: it is there to tell it from the others. */
const SHOWN = 60

function tableOf(texts: readonly string[], found: readonly (readonly LabelScore[])[]): string[] {
  const rows = found.flatMap((scores, index) =>
    scores.map(({ label, score }, place) => [
      formatNumber(score, 4),
      label,
      place > 0 ? '' : shortened(texts[index]!),
    ]),
  )
  return formatTable([['score', 'class', 'text'], ...rows])
}

const shortened = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN - 1)}…` : text)
