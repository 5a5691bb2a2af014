import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach } from 'vitest'
import { AutoModelForCausalLM, type CausalLM, type LoadModelOptions } from '../index.js'
import { golden } from './golden.fixture.js'

const root = mkdtempSync(join(tmpdir(), 'hfquant-starts-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
export const newFolder = (): string => join(root, `folder-${++folders}`)

/** Gives every test of a file an empty cache folder. */
export function useOwnCaches(): void {
  const callers = process.env.HFQUANT_CACHE
  beforeEach(() => {
    process.env.HFQUANT_CACHE = newFolder()
  })
  afterEach(() => {
    if (callers === undefined) delete process.env.HFQUANT_CACHE
    else process.env.HFQUANT_CACHE = callers
  })
}

/** Small enough to be compiled dozens of times. */
export const MODEL = golden('gptq/tiny-llama-fp32')
export const INPUT = { inputIds: [[0, 17, 42]] }

/** Loads a model and computes with it; `stages` are the kinds of work that this took. */
export async function start(folder: string, options: LoadModelOptions = {}) {
  const stages = new Set<string>()
  const model = await AutoModelForCausalLM.fromPretrained(folder, {
    ...options,
    onProgress: ({ stage }) => stages.add(stage),
  })
  const { logits } = await model.forward(INPUT)
  return { model, logits, stages: [...stages] }
}

/** The bytes of every file of the model, as it is saved. */
export async function saved(model: CausalLM) {
  const out = newFolder()
  await model.savePretrained(out)
  return Object.fromEntries(
    readdirSync(out).map((name) => [name, readFileSync(join(out, name)).toString('base64')]),
  )
}

export function changeConfig(folder: string, changes: object): void {
  const path = join(folder, 'config.json')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...changes }))
}

export function copyOf(model: string): string {
  const folder = newFolder()
  cpSync(model, folder, { recursive: true, preserveTimestamps: true })
  return folder
}

/** Every byte behind the header, except of tensors that are JSON: they say what the others are. */
export async function overwriteWeights(path: string, value = 0): Promise<void> {
  const file = await open(path, 'r+')
  const length = Buffer.alloc(8)
  await file.read(length, 0, 8, 0)
  const start = 8 + Number(length.readBigUInt64LE())
  const header = Buffer.alloc(start - 8)
  await file.read(header, 0, header.byteLength, 8)
  const tensors: Record<string, { data_offsets?: [number, number] }> = JSON.parse(header.toString())
  for (const [name, { data_offsets: range }] of Object.entries(tensors)) {
    if (range === undefined || /quant_state|weight_format/.test(name)) continue
    const bytes = Buffer.alloc(range[1] - range[0], value)
    await file.write(bytes, 0, bytes.byteLength, start + range[0])
  }
  await file.close()
}
