import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { EXPORT_TYPES, type ExportModelOptions, exportModel, processMemory, resolveModel } from 'hfquant'
import { type CommandSetup, type CommonOptions, MODEL, withCommonOptions } from '../command-setup.js'
import { UsageError } from '../output/failure.js'
import { formatBytes } from '../output/format.js'
import { printJson, printLines } from '../output/print.js'
import { showDownload } from '../output/show-download.js'

interface ExportOptions extends CommonOptions {
  readonly format: 'gguf' | 'onnx'
  readonly type?: string
  readonly pure?: true
  readonly name?: string
  readonly preTokenizer?: string
}

export function addExport(program: Command, setup: CommandSetup): void {
  const command = program
    .command('export')
    .description('Write a model for another runtime. The output appears complete or not at all.')
    .argument('<model>', MODEL)
    .argument('<out>', 'the file (gguf) or folder (onnx) to write; an older one is replaced')
    .addOption(
      new Option('--format <name>', 'gguf: llama.cpp; onnx: @huggingface/transformers')
        .choices(['gguf', 'onnx'])
        .makeOptionMandatory(),
    )
    .option(
      '--type <name>',
      `precision of linear layers; gguf: ${listTypes('gguf')}; onnx: ${listTypes('onnx')}, ` +
        'where names that end in 16 make all the rest float16, too',
    )
    .option('--pure', 'with 4 bits: the output matrix in 4 bits too, instead of 8')
    .option('--name <name>', 'gguf: the name of the model in the file (default: that of its folder)')
    .option(
      '--pre-tokenizer <name>',
      'gguf: how llama.cpp splits texts, when it has no equal of the tokenizer',
    )
  withCommonOptions(command, [
    'hfquant export ./TinyLlama-1.1B ./TinyLlama-1.1B.Q4_0.gguf --format gguf --type Q4_0',
    'hfquant export TinyLlama/TinyLlama-1.1B-Chat-v1.0 ./TinyLlama-onnx --format onnx --type q4',
  ]).action((model: string, out: string, options: ExportOptions) => run(model, out, options, setup))
}

function listTypes(format: keyof typeof EXPORT_TYPES): string {
  const [first, ...others] = EXPORT_TYPES[format]
  return [`${first} (default)`, ...others].join(', ')
}

async function run(
  model: string,
  out: string,
  options: ExportOptions,
  { terminal, signal }: CommandSetup,
): Promise<void> {
  const start = performance.now()
  const settings = readSettings(options)
  const folder = await resolveModel(model, { signal, onProgress: showDownload(terminal) })
  const result = await exportModel(folder, out, { ...settings, signal, onProgress: terminal.progress })
  terminal.clear()
  for (const warning of result.warnings) terminal.line(`warning: ${warning}`)
  const summary = {
    ...{ output: resolve(out), format: result.format, type: result.type, bytes: result.bytes },
    warnings: result.warnings,
    seconds: (performance.now() - start) / 1000,
    peakRssBytes: processMemory().peakResident,
  }
  if (options.json) printJson(summary)
  else printLines(summarize(summary))
}

function summarize(summary: {
  readonly output: string
  readonly format: string
  readonly type: string
  readonly bytes: number
  readonly seconds: number
  readonly peakRssBytes: number
}): string[] {
  const { output, format, type, bytes, seconds, peakRssBytes: peak } = summary
  return [
    `${output}: ${format} ${type}, ${formatBytes(bytes)}`,
    `peak memory ${formatBytes(peak)} · ${seconds.toFixed(1)} s`,
  ]
}

/** The type in its own spelling: `q4_0` is Q4_0. */
function readType(format: keyof typeof EXPORT_TYPES, given: string | undefined): string | undefined {
  const types: readonly string[] = EXPORT_TYPES[format]
  // Other tools write the same types as Q4_0, q4_0 and q4-0.
  const plain = (name: string) => name.toLowerCase().replaceAll(/[-_]/g, '')
  const type = given === undefined ? undefined : types.find((name) => plain(name) === plain(given))
  if (given === undefined || type !== undefined) return type
  const [other] =
    Object.entries(EXPORT_TYPES).find(([, names]) => names.some((name) => plain(name) === plain(given))) ?? []
  throw new UsageError('EXPORT_TYPE', `--type is ${given}, expected ${types.join(', ')} for ${format}`, {
    field: 'type',
    found: given,
    expected: types,
    hint: other === undefined ? undefined : `${given} is a type of --format ${other}.`,
  })
}

/** The options that the format knows; `exportModel` checks their values. */
function readSettings({ format, type: given, pure, name, preTokenizer }: ExportOptions): ExportModelOptions {
  const type = readType(format, given)
  if (format === 'onnx') {
    const stray = name === undefined ? (preTokenizer === undefined ? undefined : '--pre-tokenizer') : '--name'
    if (stray !== undefined) {
      throw new UsageError('OPTIONS_EXCLUSIVE', `${stray} is an option of --format gguf`, { field: stray })
    }
    return { format, type, pure } as ExportModelOptions
  }
  return { format, type, pure, name, preTokenizer } as ExportModelOptions
}
