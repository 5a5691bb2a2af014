import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { JsonObject } from '@hfquant/core'
import type { Architecture } from '@hfquant/models'
import { tinyConfig, writeTinyModel } from '@hfquant/testkit'
import { type EncoderCase, goldenEncoderCase, ownEncoderCase } from '../peers/check-encoders.js'
import { type ExportCase, goldenCase, ownCase, readConfig } from '../peers/export-cases.js'
import { repositoryPath } from '../repository.js'

const GOLDENS = repositoryPath('goldens/architectures')

/** Folders that the Python library wrote for a family. */
export async function goldensOf({ names }: Architecture): Promise<readonly string[]> {
  const entries = await readdir(GOLDENS, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(GOLDENS, name))
  const named = await Promise.all(
    folders.map(async (folder) => {
      const { architectures } = await readConfig(folder)
      return Array.isArray(architectures) && names.includes(String(architectures[0])) ? [folder] : []
    }),
  )
  return named.flat().sort()
}

/**
 * What is exported of a family: its goldens, and a model of sizes that every library takes, as the sizes of the goldens
 * are odd on purpose.
 */
export async function exportCasesOf(
  goldens: readonly string[],
  work: string,
): Promise<readonly ExportCase[]> {
  const cases = await Promise.all(goldens.map((folder) => goldenCase(folder, work)))
  return [...cases, await ownCase(...(await tinyOf(goldens, work)))]
}

/** The same of encoders. */
export async function encoderCasesOf(
  goldens: readonly string[],
  work: string,
): Promise<readonly EncoderCase[]> {
  const cases = await Promise.all(goldens.map((folder) => goldenEncoderCase(folder, work)))
  return [...cases, await ownEncoderCase(...(await tinyOf(goldens, work)))]
}

async function tinyOf(goldens: readonly string[], work: string): Promise<[title: string, folder: string]> {
  const [first] = goldens
  if (first === undefined) throw new RangeError('there is no golden of the family to take a config.json from')
  const config = await readConfig(first)
  const tiny = tinyConfig({ ...config, ...fitting(config) }, { layers: TINY_LAYERS, inner: 512 })
  const title = `tiny ${String(config.model_type)}`
  return [title, await writeTinyModel(join(work, title), tiny)]
}

/** llama.cpp knows small models of these families in one form alone, or in one more than the golden has. */
const fitting = ({ model_type: type, query_pre_attn_scalar: scalar }: JsonObject): JsonObject => ({
  ...(type === 'exaone4' && { sliding_window: null }),
  ...(scalar !== undefined && { query_pre_attn_scalar: 32 }),
  ...(/^deepseek/.test(String(type)) && { rms_norm_eps: 1e-6 }),
  ...(type === 'granitemoehybrid' && {
    layer_types: Array.from({ length: TINY_LAYERS }, () => 'attention'),
    ...{ num_local_experts: 4, num_experts_per_tok: 2 },
  }),
})

const TINY_LAYERS = 4
