import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { toNode } from '../json/json-document.js'
import { quantizationFiles } from '../load/find-model.js'
import { carriedFiles } from './carried-files.js'
import { type SaveFolderOptions, saveFolder } from './save-folder.js'

let work: string
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'save-folder-'))
})
afterAll(() => rm(work, { recursive: true }))

const optionsFor = (sourceFolder: string): SaveFolderOptions => ({
  ...{ sourceFolder, dtype: 'float32', quantizer: undefined },
  config: toNode({}) as SaveFolderOptions['config'],
})

it('takes along every chat template, and none of the folder that it replaces', async () => {
  const [from, out] = [join(work, 'model'), join(work, 'saved')]
  for (const [folder, name] of [
    [from, 'tool_use.jinja'],
    [out, 'older.jinja'],
  ] as const) {
    await mkdir(join(folder, 'additional_chat_templates'), { recursive: true })
    await writeFile(join(folder, 'additional_chat_templates', name), name)
  }
  await writeFile(join(from, 'additional_chat_templates', 'notes.txt'), 'not a template')
  await writeFile(join(from, 'chat_template.jinja'), 'default')

  await saveFolder(out, optionsFor(from), async () => undefined)
  expect(await carriedFiles(out)).toEqual(['additional_chat_templates/tool_use.jinja', 'chat_template.jinja'])
  expect(await readFile(join(out, 'additional_chat_templates/tool_use.jinja'), 'utf8')).toBe('tool_use.jinja')
})

it('takes along what makes sentence vectors, and none of the folder that it replaces', async () => {
  const [from, out] = [join(work, 'sentences'), join(work, 'saved-sentences')]
  const own = ['1_Pooling/config.json', '2_Dense/config.json', '2_Dense/model.safetensors', 'modules.json']
  for (const path of [...own, '2_Dense/notes.txt', 'photos/config.json'].map((name) => join(from, name))) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, '[]')
  }
  for (const name of ['1_Pooling', '3_Normalize', 'mine']) await mkdir(join(out, name), { recursive: true })
  await writeFile(join(out, 'sentence_bert_config.json'), '{"max_seq_length":8}')

  await saveFolder(out, optionsFor(from), async () => undefined)
  expect(await carriedFiles(out)).toEqual(own)
  expect((await readdir(out)).sort()).toEqual(['1_Pooling', '2_Dense', 'config.json', 'mine', 'modules.json'])
})

it('takes along modules in folders of any name that the list has', async () => {
  const from = await mkdtemp(join(work, 'modules-'))
  await writeFile(join(from, 'modules.json'), '[{"type":"a.Pooling","path":"pooling"},{"path":"../x"}, 1]')
  for (const name of ['pooling', 'photos']) {
    await mkdir(join(from, name))
    await writeFile(join(from, name, 'config.json'), '{}')
  }
  expect(await carriedFiles(from)).toEqual(['modules.json', 'pooling/config.json'])
})

it('takes along prompts of a folder without a list of modules', async () => {
  const from = await mkdtemp(join(work, 'prompts-'))
  await writeFile(join(from, 'config_sentence_transformers.json'), '{"prompts":{}}')
  expect(await carriedFiles(from)).toEqual(['config_sentence_transformers.json'])
})

it.each([
  'vocab.json',
  'merges.txt',
  'tokenizer.json',
  'generation_config.json',
  'tokenizer.model',
  'additional_chat_templates/tool_use.jinja',
])('publishes no private file by way of a link called %s', async (name) => {
  await writeFile(join(work, 'key'), 'a private key')
  const [from, out] = [await mkdtemp(join(work, 'linked-')), join(work, 'published')]
  await mkdir(dirname(join(from, name)), { recursive: true })
  await symlink(join(work, 'key'), join(from, name))
  const refused = { code: 'FILE_OUTSIDE_FOLDER', file: join(from, name) }
  await expect(carriedFiles(from)).rejects.toMatchObject(refused)
  const neverFilled = async () => expect.unreachable()
  await expect(saveFolder(out, optionsFor(from), neverFilled)).rejects.toMatchObject(refused)
  expect(existsSync(out)).toBe(false)
})

it('leaves nothing of an older model by which the new one would be read as quantized', async () => {
  const [from, out] = [join(work, 'float'), join(work, 'was-quantized')]
  await mkdir(from)
  await mkdir(out)
  await writeFile(join(out, 'config.json'), '{"model_type":"llama"}')
  for (const name of quantizationFiles()) await writeFile(join(out, name), '{"bits":4,"quant_method":"gptq"}')
  await writeFile(join(out, 'notes.json'), 'mine')
  await saveFolder(out, optionsFor(from), async () => undefined)
  expect((await readdir(out)).filter((name) => name.endsWith('.json'))).toEqual(['config.json', 'notes.json'])
})
