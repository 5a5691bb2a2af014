import { BitsAndBytesConfig } from './bitsandbytes-config.js'

/** Configurations by the name that the command line gives them. A recipe has no knobs. */
export const recipes: Readonly<Record<string, () => BitsAndBytesConfig>> = {
  nf4: () => new BitsAndBytesConfig({ loadIn4bit: true, bnb4bitQuantType: 'nf4' }),
  'nf4-double-quant': () =>
    new BitsAndBytesConfig({ loadIn4bit: true, bnb4bitQuantType: 'nf4', bnb4bitUseDoubleQuant: true }),
  fp4: () => new BitsAndBytesConfig({ loadIn4bit: true, bnb4bitQuantType: 'fp4' }),
  'llm-int8': () => new BitsAndBytesConfig({ loadIn8bit: true }),
}
