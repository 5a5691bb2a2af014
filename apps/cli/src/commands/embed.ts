import type { Command } from 'commander'
import { AutoModel } from 'hfquant'
import { type CommandSetup, type CommonOptions, MODEL, withCommonOptions } from '../command-setup.js'
import { type LoadingOptions, loadOptions, withLoadingOptions } from '../encoders/load-options.js'
import { FILE_HELP, readInputs } from '../encoders/read-inputs.js'
import { printJson, printLines } from '../output/print.js'

interface EmbedOptions extends CommonOptions, LoadingOptions {
  readonly prompt?: string
  readonly promptName?: string
  readonly normalize?: true
}

export function addEmbed(program: Command, setup: CommandSetup): void {
  const command = program
    .command('embed')
    .description('Make one vector of each text, as sentence-transformers does: a JSON array per line.')
    .argument('<model>', MODEL)
    .argument('[file]', FILE_HELP)
    .option('--prompt-name <name>', 'the prompt of the model that comes before texts, such as "query"')
    .option('--prompt <text>', 'any other prompt')
    .option('--normalize', 'give vectors the length 1 where the model does not')
  withCommonOptions(withLoadingOptions(command), [
    'hfquant embed sentence-transformers/all-MiniLM-L6-v2 texts.txt > vectors.jsonl',
    'echo "a small house" | hfquant embed ./encoder --quantize int8-weight-only --json',
  ]).action((model: string, file: string | undefined, options: EmbedOptions) =>
    embed(model, file, options, setup),
  )
}

async function embed(
  model: string,
  file: string | undefined,
  { json, prompt, promptName, normalize, ...options }: EmbedOptions,
  setup: CommandSetup,
): Promise<void> {
  const texts = await readInputs([], file)
  await using loaded = await AutoModel.fromPretrained(model, await loadOptions(options, setup))
  const vectors = await loaded.embed(texts, { prompt, promptName, normalize, signal: setup.signal })
  setup.terminal.clear()
  const lists = vectors.map((vector) => Array.from(vector))
  if (json) printJson({ dimensions: vectors[0]!.length, vectors: lists })
  else printLines(lists.map((vector) => JSON.stringify(vector)))
}
