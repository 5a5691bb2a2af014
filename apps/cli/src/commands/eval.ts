import { type Command, Option } from 'commander'
import { type CommandSetup, type CommonOptions, MODEL, withCommonOptions } from '../command-setup.js'
import { type EvaluatedModel, evaluateModels } from '../eval/evaluate-models.js'
import type { Compute } from '../eval/protocol.js'
import { DEFAULT_STORIES, readTexts } from '../eval/texts.js'
import { wholeNumber } from '../option-values.js'
import { UsageError } from '../output/failure.js'
import { formatBytes, formatDifference, formatNumber, formatTable } from '../output/format.js'
import { printJson, printLines } from '../output/print.js'

interface EvalOptions extends CommonOptions {
  readonly text?: string
  readonly stories?: number
  readonly compute: Compute
}

export function addEval(program: Command, setup: CommandSetup): void {
  const command = program
    .command('eval')
    .description(
      'Measure models on a text: loss and perplexity, each compared with the first, speed, memory. Each runs in its own process.',
    )
    .argument('<model...>', `${MODEL}; the first is what the others are compared with`)
    .option(
      '--text <file>',
      'UTF-8 text, sequences separated by blank lines (default: the stories of the demo)',
    )
    .option('--stories <n>', `stories of the default text (default: ${DEFAULT_STORIES})`, wholeNumber(1))
    .addOption(
      new Option(
        '--compute <mode>',
        'fast: the quickest kernels of the method; exact: float32 on dequantized weights',
      )
        .choices(['fast', 'exact'])
        .default('fast'),
    )
  withCommonOptions(command, [
    'hfquant eval ./TinyLlama-1.1B ./TinyLlama-1.1B-quantized --text story.txt',
    'hfquant eval ./model ./model-quantized --stories 50 --compute exact --json',
  ]).action((models: string[], options: EvalOptions) => evaluate(models, options, setup))
}

async function evaluate(models: readonly string[], options: EvalOptions, setup: CommandSetup): Promise<void> {
  if (options.text !== undefined && options.stories !== undefined) {
    throw new UsageError('OPTIONS_EXCLUSIVE', '--text and --stories cannot be given together', {
      field: 'stories',
      hint: 'Leave out one of them.',
    })
  }
  const texts = await readTexts(options)
  const { rows, tokens } = await evaluateModels(models, { texts, compute: options.compute, ...setup })
  setup.terminal.clear()
  if (options.json) printJson({ sequences: texts.length, tokens, compute: options.compute, rows })
  else
    printLines([
      ...formatTable([HEADINGS, ...rows.map(toCells)]),
      `${tokens} predicted tokens, ${options.compute}; vs first: difference in loss from the first model`,
      'memory: anonymous is the process alone, files are mapped and shared; peak: both, loading included',
    ])
}

const HEADINGS = [
  'model',
  'method',
  'on disk',
  'bits/weight',
  'loss',
  'perplexity',
  'vs first',
  'KL',
  'top-1',
  'tokens/s',
  'anonymous',
  'files',
  'peak',
]

const toCells = (row: EvaluatedModel, index: number): string[] => [
  row.model,
  row.method ?? 'float',
  formatBytes(row.bytesOnDisk),
  formatNumber(row.bitsPerWeight, 2),
  row.loss.toFixed(4),
  row.perplexity.toFixed(3),
  index === 0 ? '' : formatDifference(row.lossDifference, 4),
  row.kl.toFixed(6),
  `${(100 * row.top1Agreement).toFixed(1)}%`,
  formatNumber(row.tokensPerSecond, 1),
  row.anonymousBytes === null ? '-' : formatBytes(row.anonymousBytes),
  row.fileBackedBytes === null ? '-' : formatBytes(row.fileBackedBytes),
  formatBytes(row.peakRssBytes),
]
