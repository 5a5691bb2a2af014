import type { Command } from 'commander'
import { type LoadModelOptions, recipe } from 'hfquant'
import type { CommandSetup } from '../command-setup.js'

/** How the model of a command is loaded. */
export interface LoadingOptions {
  readonly quantize?: string
  readonly dtype?: string
}

export const withLoadingOptions = (command: Command): Command =>
  command
    .option(
      '--quantize <recipe>',
      'quantize a float model while it is loaded: a recipe of `hfquant quantize`',
    )
    .option('--dtype <name>', 'precision of what is not quantized (default: that of the model)')

/** @throws ConfigError RECIPE_UNKNOWN. */
export async function loadOptions(
  { quantize, dtype }: LoadingOptions,
  { terminal, signal }: CommandSetup,
): Promise<Pick<LoadModelOptions, 'quantizationConfig' | 'dtype' | 'signal' | 'onProgress'>> {
  const quantizationConfig = quantize === undefined ? undefined : await recipe(quantize)
  return { quantizationConfig, dtype, signal, onProgress: terminal.progress }
}
