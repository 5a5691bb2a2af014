import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

export const golden = (name: string): string =>
  fileURLToPath(new URL(`../../../../../goldens/${name}`, import.meta.url))

export const demoModel = fileURLToPath(new URL('../../../../hfquant/demo-model', import.meta.url))

/** A folder that is removed after the tests of the file. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-export-'))
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** `<s>`, `</s>`, `t2`, `t3`, …: for models that come without a tokenizer. */
export function plainTokenizer(size: number): object {
  const added = ['<s>', '</s>'].map((content, id) => ({ id, content, special: true }))
  const vocab = Object.fromEntries(
    Array.from({ length: size }, (_, id) => [added[id]?.content ?? `t${id}`, id]),
  )
  const pre_tokenizer = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  return { version: '1.0', added_tokens: added, pre_tokenizer, model: { type: 'BPE', vocab, merges: [] } }
}

/** A copy of a model with other tokenizer files, and with fields of config.json replaced. */
export async function copyModel(
  from: string,
  to: string,
  changes: { readonly config?: object; readonly tokenizer?: object; readonly tokenizerConfig?: object } = {},
): Promise<string> {
  await cp(from, to, { recursive: true })
  const config = { ...JSON.parse(await readFile(join(from, 'config.json'), 'utf8')), ...changes.config }
  await writeFile(join(to, 'config.json'), JSON.stringify(config))
  const { tokenizer, tokenizerConfig } = changes
  if (tokenizer) await writeFile(join(to, 'tokenizer.json'), JSON.stringify(tokenizer))
  if (tokenizerConfig) await writeFile(join(to, 'tokenizer_config.json'), JSON.stringify(tokenizerConfig))
  return to
}

/** Replaces one number in a tensor of a bfloat16 checkpoint by another, given as its bits. */
export async function poke(folder: string, tensor: string, bits: number): Promise<void> {
  const path = join(folder, 'model.safetensors')
  const file = await readFile(path)
  const headerEnd = 8 + Number(file.readBigUInt64LE())
  const header = JSON.parse(file.subarray(8, headerEnd).toString())
  file.writeUInt16LE(bits, headerEnd + header[tensor].data_offsets[0] + 200)
  await writeFile(path, file)
}
