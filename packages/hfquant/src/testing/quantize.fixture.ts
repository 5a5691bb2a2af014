import { channel } from 'node:diagnostics_channel'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach } from 'vitest'
import { AutoModelForCausalLM, type CausalLM, INFO_CHANNEL, type InfoEvent } from '../index.js'
import { golden } from './golden.fixture.js'

/** A folder for what the tests write. */
export const parent = mkdtempSync(join(tmpdir(), 'hfquant-quantize-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

export const float = golden('torchao/tiny-llama/bf16')
export const int8 = golden('torchao/tiny-llama/int8-weight-only')
export const inputIds = [[1, 17, 42, 5, 99, 63, 7, 120]]

/** The models are tiny: more workers would only take longer to start. */
export const load = (
  model: string,
  options: Parameters<typeof AutoModelForCausalLM.fromPretrained>[1] = {},
) => AutoModelForCausalLM.fromPretrained(model, { workers: 1, ...options })

/** What the running test was told about models that are quantized already. */
export let said: string[] = []
const listen = (event: unknown) => {
  const { message } = event as InfoEvent
  // What is found in a file is said as well, and only the first time.
  if (message.includes('as asked')) said.push(message)
}
beforeEach(() => {
  said = []
  channel(INFO_CHANNEL).subscribe(listen)
})
afterEach(() => channel(INFO_CHANNEL).unsubscribe(listen))

/** What a model is saved as: weights and configuration. */
export async function saved(model: CausalLM, name: string): Promise<readonly Buffer[]> {
  const out = join(parent, name)
  await model.savePretrained(out)
  return Promise.all(['model.safetensors', 'config.json'].map((file) => readFile(join(out, file))))
}
