import type { Command } from 'commander'
import { AutoModelForCausalLM, type GenerationOptions, recipe } from 'hfquant'
import { type CommandSetup, type CommonOptions, MODEL, withCommonOptions } from '../command-setup.js'
import { nonNegativeNumber, wholeNumber } from '../option-values.js'
import { printJson, printText } from '../output/print.js'
import { startTokenClock } from '../token-clock.js'

interface GenerateOptions
  extends CommonOptions,
    Pick<GenerationOptions, 'maxNewTokens' | 'temperature' | 'seed'> {
  readonly chat?: true
  readonly quantize?: string
  readonly dtype?: string
}

export function addGenerate(program: Command, setup: CommandSetup): void {
  const command = program
    .command('generate')
    .description('Continue a text, token by token, on standard output.')
    .argument('<model>', MODEL)
    .argument('<prompt>', 'the text to continue; one that begins with a dash goes after "--"')
    .option('--chat', 'send the text as a message, written as the chat template of the model says')
    .option(
      '--max-new-tokens <n>',
      'tokens at most (default: generation_config.json, else 20)',
      wholeNumber(1),
    )
    .option(
      '--temperature <t>',
      '0 takes the likeliest token, more is more varied (default: generation_config.json, else 0)',
      nonNegativeNumber,
    )
    .option(
      '--quantize <recipe>',
      'quantize a float model while it is loaded: a recipe of `hfquant quantize`',
    )
    .option(
      '--dtype <name>',
      'precision of what is not quantized, and of the values that codes stand for (default: that of the model)',
    )
    .option('--seed <n>', 'makes random choices repeatable (default: a new one each time)', wholeNumber(0))
  withCommonOptions(command, [
    'hfquant generate ./TinyLlama-1.1B-quantized "Once upon a time"',
    'hfquant generate ./TinyLlama-1.1B-quantized "Once upon a time" --max-new-tokens 100 --temperature 0.8 --seed 1',
    'hfquant generate TinyLlama/TinyLlama-1.1B-Chat-v1.0 "Who are you?" --chat --max-new-tokens 100',
  ]).action((model: string, prompt: string, options: GenerateOptions) =>
    generate(model, prompt, options, setup),
  )
}

async function generate(
  model: string,
  prompt: string,
  { json, chat, maxNewTokens, temperature, seed, quantize, dtype }: GenerateOptions,
  { terminal, signal }: CommandSetup,
): Promise<void> {
  await using loaded = await AutoModelForCausalLM.fromPretrained(model, {
    quantizationConfig: quantize === undefined ? undefined : await recipe(quantize),
    dtype,
    signal,
    onProgress: terminal.progress,
  })
  const tokenIds: number[] = []
  let text = ''
  const clock = startTokenClock()
  const settings = { maxNewTokens, temperature, seed, signal }
  const pieces = chat
    ? loaded.chat([{ role: 'user', content: prompt }], settings)
    : loaded.generate(prompt, settings)
  for await (const piece of pieces) {
    if (tokenIds.length === 0) terminal.clear()
    tokenIds.push(piece.tokenId)
    text += piece.text
    clock.tick()
    if (!json) printText(piece.text)
  }
  terminal.clear()
  if (json) printJson({ text, tokenIds, tokensPerSecond: clock.perSecond() })
  else process.stdout.write('\n')
}
