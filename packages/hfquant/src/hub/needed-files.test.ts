import { describe, expect, it } from 'vitest'
import { neededFiles } from './needed-files.js'

const listed = (...names: string[]) =>
  names.map((path) => ({ type: 'file', path, size: 1, oid: 'a'.repeat(40) }))

const chosen = (...names: string[]) =>
  neededFiles('org/name', listed('config.json', ...names), 'model').map(({ name }) => name)

describe('needed files', () => {
  it('are the configuration, the tokenizer, and the weights at the end', () => {
    expect(
      chosen(
        'model.safetensors',
        'README.md',
        'tokenizer.model',
        'chat_template.jinja',
        'flax_model.msgpack',
      ),
    ).toEqual(['config.json', 'tokenizer.model', 'chat_template.jinja', 'model.safetensors'])
  })

  it('hold one set of weights: shards with their index, no copies in other formats', () => {
    const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
    expect(
      chosen(...shards, 'model.safetensors.index.json', 'consolidated.safetensors', 'pytorch_model.bin'),
    ).toEqual(['config.json', ...shards, 'model.safetensors.index.json'])
  })

  it('may have weights of another name, as GPTQ repositories do', () => {
    expect(chosen('gptq_model-4bit-128g.safetensors', 'quantize_config.json', 'pytorch_model.bin')).toEqual([
      'config.json',
      'quantize_config.json',
      'gptq_model-4bit-128g.safetensors',
    ])
  })

  it('include PyTorch files only where nothing else exists', () => {
    expect(chosen('pytorch_model.bin', 'training_args.bin')).toEqual(['config.json', 'pytorch_model.bin'])
    expect(chosen('pytorch_model-00001-of-00001.bin', 'pytorch_model.bin.index.json')).toHaveLength(3)
  })

  it('are the files of the tokenizer alone where nothing else is wanted', () => {
    const names = [
      'model.safetensors',
      'tokenizer.json',
      'generation_config.json',
      'additional_chat_templates/rag.jinja',
    ]
    const forTokenizer = (...files: string[]) =>
      neededFiles('org/name', listed(...files), 'tokenizer').map(({ name }) => name)
    expect(forTokenizer('config.json', ...names)).toEqual([
      'config.json',
      'tokenizer.json',
      'additional_chat_templates/rag.jinja',
    ])
    expect(forTokenizer('tokenizer.json')).toEqual(['tokenizer.json'])
    expect(() => forTokenizer('config.json', 'model.safetensors')).toThrow('has no tokenizer files')
  })
})
