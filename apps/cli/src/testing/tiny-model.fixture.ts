import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { golden } from './run-cli.fixture.js'

/**
 * Makes a Llama of two layers with random weights, whose tokens are characters: 400 kB, which are quantized, exported
 * and run in a moment.
 */
export function makeTinyModel(folder: string): string {
  for (const name of ['config.json', 'generation_config.json', 'model.safetensors'])
    cpSync(join(golden('gptq/tiny-llama-fp32'), name), join(folder, name))
  cpSync(golden('tokenizer/characters'), folder, { recursive: true })
  return folder
}
