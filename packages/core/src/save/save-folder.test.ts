import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { toNode } from '../json/json-document.js'
import { SIDECARS } from '../load/find-model.js'
import { carriedFiles, saveFolder } from './save-folder.js'

let work: string
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'save-folder-'))
})
afterAll(() => rm(work, { recursive: true }))

const saveFloat = (from: string, out: string) => {
  const config = toNode({}) as Parameters<typeof saveFolder>[1]['config']
  const options = { sourceFolder: from, config, dtype: 'float32', quantizer: undefined } as const
  return saveFolder(out, options, async () => undefined)
}

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

  await saveFloat(from, out)
  expect(await carriedFiles(out)).toEqual(['additional_chat_templates/tool_use.jinja', 'chat_template.jinja'])
  expect(await readFile(join(out, 'additional_chat_templates/tool_use.jinja'), 'utf8')).toBe('tool_use.jinja')
})

it('leaves nothing of an older model by which the new one would be read as quantized', async () => {
  const [from, out] = [join(work, 'float'), join(work, 'was-quantized')]
  await mkdir(from)
  await mkdir(out)
  await writeFile(join(out, 'config.json'), '{"model_type":"llama"}')
  for (const name of SIDECARS) await writeFile(join(out, name), '{"bits":4,"quant_method":"gptq"}')
  await writeFile(join(out, 'notes.json'), 'mine')
  await saveFloat(from, out)
  expect((await readdir(out)).filter((name) => name.endsWith('.json'))).toEqual(['config.json', 'notes.json'])
})
