import type { Command } from 'commander'
import {
  type CompiledModel,
  cacheFolder,
  compileModel,
  listCompiledModels,
  pruneCompiledModels,
  recipe,
  removeCompiledModels,
  resolveModel,
} from 'hfquant'
import { type CommandSetup, type CommonOptions, MODEL, withCommonOptions } from '../command-setup.js'
import { byteSize } from '../option-values.js'
import { UsageError } from '../output/failure.js'
import { formatBytes, formatTable, plural } from '../output/format.js'
import { printJson, printLines } from '../output/print.js'
import { showDownload } from '../output/show-download.js'

export function addCache(program: Command, setup: CommandSetup): void {
  const cache = program
    .command('cache')
    .description(
      'Show, make or remove what is kept: compiled models, which let a model start without being quantized again, and what ' +
        'calibrations that were interrupted have done.',
    )
  withCommonOptions(cache.command('ls').description('List what is kept, the one that was used last first.'), [
    'hfquant cache ls',
  ]).action(list)
  withCommonOptions(
    cache
      .command('warm')
      .description(
        'Compile a model now. Otherwise its first use does; that of a large one answers first, and leaves a process of low ' +
          'priority behind that compiles it within some seconds.',
      )
      .argument('<model>', MODEL)
      .option('--quantize <recipe>', 'the model as `hfquant generate --quantize` loads it')
      .option('--dtype <name>', 'the model as `hfquant generate --dtype` loads it'),
    [
      'hfquant cache warm ./TinyLlama-1.1B-quantized',
      'hfquant cache warm TinyLlama/TinyLlama-1.1B-Chat-v1.0 --quantize nf4',
    ],
  ).action((model: string, options: WarmOptions) => warm(model, options, setup))
  withCommonOptions(
    cache
      .command('prune')
      .description(
        'Remove what was not used for the longest time, calibrations included, and what is damaged.',
      )
      .requiredOption('--max-size <size>', 'bytes that may stay, such as 5GB', sizeOrNothing),
    ['hfquant cache prune --max-size 10GB', 'hfquant cache prune --max-size 0'],
  ).action(prune)
  withCommonOptions(
    cache
      .command('rm')
      .description(
        'Remove what is kept of one model, compiled or of an interrupted calibration, or everything.',
      )
      .argument('[name]', 'the name or folder of a model, or an id that ls shows')
      .option('--all', 'remove every compiled model and every interrupted calibration'),
    ['hfquant cache rm TinyLlama/TinyLlama-1.1B-Chat-v1.0', 'hfquant cache rm --all'],
  ).action(remove)
}

async function list({ json }: CommonOptions): Promise<void> {
  const models = await listCompiledModels()
  const folder = cacheFolder()
  const bytes = totalBytes(models)
  if (json) {
    printJson({ folder, bytes, models })
    return
  }
  const rows = models.map(({ kind, id, model, method, bytes: size, lastUsed }) => [
    id.slice(0, SHORT_ID),
    model ?? 'damaged',
    kind === 'compiled' ? (method ?? 'float') : `${method}, interrupted`,
    formatBytes(size),
    lastUsed.toISOString().slice(0, 16).replace('T', ' '),
  ])
  const table =
    rows.length === 0 ? [] : formatTable([['id', 'model', 'method', 'size', 'last used'], ...rows])
  printLines([...table, `${countOf(models)}, ${formatBytes(bytes)} in ${folder}`])
}

interface WarmOptions extends CommonOptions {
  readonly quantize?: string
  readonly dtype?: string
}

async function warm(
  model: string,
  { json, quantize, dtype }: WarmOptions,
  { terminal, signal }: CommandSetup,
): Promise<void> {
  const folder = await resolveModel(model, { signal, onProgress: showDownload(terminal) })
  const quantizationConfig = quantize === undefined ? undefined : await recipe(quantize)
  const loading = { quantizationConfig, dtype, signal, onProgress: terminal.progress }
  const compiled = await compileModel(folder, loading)
  terminal.clear()
  if (json) printJson(compiled ?? null)
  else printLines([`compiled ${model}, ${formatBytes(compiled?.bytes ?? 0)} in ${cacheFolder()}`])
}

async function prune({ json, maxSize }: CommonOptions & { readonly maxSize: number }): Promise<void> {
  report(await pruneCompiledModels(maxSize), json)
}

async function remove(
  name: string | undefined,
  { json, all }: CommonOptions & { readonly all?: true },
): Promise<void> {
  if ((name === undefined) === (all === undefined)) {
    throw new UsageError('USAGE', 'cache rm takes a name, or --all', {
      hint: 'Run `hfquant cache ls` to see the names.',
    })
  }
  report(name === undefined ? await pruneCompiledModels(0) : await removeCompiledModels(name), json)
}

function report(removed: readonly CompiledModel[], json: true | undefined): void {
  const bytes = totalBytes(removed)
  if (json) printJson({ bytes, removed })
  else printLines([`removed ${countOf(removed)}, ${formatBytes(bytes)}`])
}

function countOf(models: readonly CompiledModel[]): string {
  const compiled = models.filter(({ kind }) => kind === 'compiled').length
  const rest = models.length - compiled
  const text = plural(compiled, 'compiled model')
  return rest === 0 ? text : `${text}, ${plural(rest, 'interrupted calibration')}`
}

/** Enough to name one of a few hundred. */
const SHORT_ID = 12

const sizeOrNothing = (text: string): number => (text === '0' ? 0 : byteSize(text))

const totalBytes = (models: readonly CompiledModel[]): number =>
  models.reduce((sum, { bytes }) => sum + bytes, 0)
