import { describe, expect, it } from 'vitest'
import { neededFiles, neededFolders } from './needed-files.js'

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

  it('may be described by a file of another name', () => {
    const names = ['gliner_config.json', 'tokenizer.json', 'model.safetensors']
    const found = neededFiles('org/name', listed(...names), 'model').map(({ name }) => name)
    expect(found).toEqual(names)
    expect(() => neededFiles('org/name', listed('model.safetensors'), 'model')).toThrow('has no config.json')
  })

  it('hold weights that are asked for in place of the usual ones, where they are listed', () => {
    const names = ['model.safetensors', 'model.fp16.safetensors']
    const weightsOf = (preferred: string) =>
      neededFiles('org/name', listed('config.json', ...names), 'model', preferred).at(-1)!.name
    expect(weightsOf('model.fp16.safetensors')).toBe('model.fp16.safetensors')
    expect(weightsOf('model.bf16.safetensors')).toBe('model.safetensors')
  })

  it('hold what makes sentence vectors, before the weights, each module in one format', () => {
    const sentences = ['modules.json', 'sentence_bert_config.json', 'config_sentence_transformers.json']
    const modules = ['1_Pooling/config.json', '2_Dense/config.json', '2_Dense/model.safetensors']
    const others = [
      '1_Pooling/config.json/../../../../../escaped',
      'labels_encoder/tokenizer.json/../../escaped',
      '2_Dense/pytorch_model.bin',
      '2_Dense/notes.txt',
      'onnx/config.json',
      '3_Dense/x/config.json',
    ]
    expect(chosen(...sentences, ...modules, ...others, 'model.safetensors')).toEqual([
      ...['config.json', ...sentences, ...modules, 'model.safetensors'],
    ])
    // A numbered folder of something else.
    expect(chosen('1_epoch/model.safetensors', 'model.safetensors')).toEqual([
      'config.json',
      'model.safetensors',
    ])
  })

  it('hold the tokenizer of an encoder of labels', () => {
    expect(chosen('labels_encoder/tokenizer.json', 'labels_encoder/model.bin', 'model.safetensors')).toEqual([
      ...['config.json', 'labels_encoder/tokenizer.json', 'model.safetensors'],
    ])
  })

  it('lie at the top, and in few folders', () => {
    const folders = (names: readonly string[], wanted: 'model' | 'tokenizer', ...files: string[]) =>
      neededFolders(
        [...listed(...files), ...names.map((path) => ({ type: 'directory', path, size: 0 }))],
        wanted,
      )
    const names = ['onnx', '1_Pooling', 'labels_encoder', 'additional_chat_templates']
    expect(folders(names, 'model', 'modules.json')).toEqual(names.slice(1))
    expect(folders(names, 'model')).toEqual(names.slice(2))
    expect(folders(names, 'tokenizer', 'modules.json')).toEqual(['additional_chat_templates'])
    const many = Array.from({ length: 5000 }, (_, index) => `${index}_Dense`)
    expect(folders(many, 'model', 'modules.json')).toHaveLength(32)
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
