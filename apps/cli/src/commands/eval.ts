import { type Command, Option } from 'commander'
import { type CommandSetup, type CommonOptions, MODEL, withCommonOptions } from '../command-setup.js'
import { type EvaluatedEncoder, evaluateEncoders } from '../eval/evaluate-encoders.js'
import { type EvaluatedModel, evaluateModels } from '../eval/evaluate-models.js'
import { type DescribedModel, openModels } from '../eval/opened-model.js'
import type { Compute, EvalMemory } from '../eval/protocol.js'
import { DEFAULT_STORIES, readTexts } from '../eval/texts.js'
import { wholeNumber } from '../option-values.js'
import { UsageError } from '../output/failure.js'
import { formatBytes, formatDifference, formatNumber, formatTable, plural } from '../output/format.js'
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
      'Measure models on a text: loss and perplexity, of encoders cosines of vectors or agreement of classes, each compared with the first, speed, memory. Each runs in its own process.',
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
  const { compute } = options
  const opened = await openModels(models, setup)
  const task = opened[0]!.inspection.task
  const common = { sequences: texts.length, compute }
  if (task === 'causal-lm') {
    const { rows, tokens } = await evaluateModels(opened, { texts, compute, ...setup })
    setup.terminal.clear()
    if (options.json) return printJson({ ...common, tokens, rows })
    return printLines([
      ...formatTable([HEADINGS, ...rows.map(toCells)]),
      `${tokens} predicted tokens, ${compute}; vs first: difference in loss from the first model`,
      MEMORY,
    ])
  }
  const { rows, outputs } = await evaluateEncoders(opened, task, { texts, compute, ...setup })
  setup.terminal.clear()
  if (options.json) return printJson({ ...common, task, outputs, rows })
  printLines([
    ...formatTable([encoderHeadings(rows), ...rows.map(encoderCells)]),
    `${plural(texts.length, 'text')}, ${compute}; ${COMPARED[task]} the first model`,
    MEMORY,
  ])
}

const MEMORY =
  'memory: anonymous is the process alone, files are mapped and shared; peak: both, loading included'

const COMPARED = {
  'hidden-states': 'cosine: mean and least, of the vectors of a text and those of',
  'sequence-classification': 'agreement: texts with the same class as in',
  'token-classification': 'agreement: tokens with the same class as in',
  'masked-lm': 'agreement: tokens whose likeliest token is the same as in',
} as const

const encoderHeadings = (rows: readonly EvaluatedEncoder[]): string[] => [
  ...['model', 'method', 'on disk', 'bits/weight'],
  ...(rows[0]?.cosine === null ? ['agreement'] : ['cosine', 'least']),
  ...['texts/s', 'anonymous', 'files', 'peak'],
]

const encoderCells = (row: EvaluatedEncoder): string[] => [
  ...modelCells(row),
  ...(row.agreement === null
    ? [formatNumber(row.cosine, 6), formatNumber(row.leastCosine, 6)]
    : [`${(100 * row.agreement).toFixed(1)}%`]),
  formatNumber(row.textsPerSecond, 1),
  ...memoryCells(row),
]

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
  ...modelCells(row),
  row.loss.toFixed(4),
  row.perplexity.toFixed(3),
  index === 0 ? '' : formatDifference(row.lossDifference, 4),
  row.kl.toFixed(6),
  `${(100 * row.top1Agreement).toFixed(1)}%`,
  formatNumber(row.tokensPerSecond, 1),
  ...memoryCells(row),
]

const modelCells = (row: DescribedModel): string[] => [
  row.model,
  row.method ?? 'float',
  formatBytes(row.bytesOnDisk),
  formatNumber(row.bitsPerWeight, 2),
]

const memoryCells = (row: EvalMemory): string[] => [
  row.anonymousBytes === null ? '-' : formatBytes(row.anonymousBytes),
  row.fileBackedBytes === null ? '-' : formatBytes(row.fileBackedBytes),
  formatBytes(row.peakRssBytes),
]
