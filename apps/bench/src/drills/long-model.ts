import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { demoModel } from 'hfquant/demo'

/** Positions of the bundled model's copy: good for lengths, not for prose. */
const POSITIONS = 8192

/** The bundled model with a config that says more positions, for as long as `work` takes. */
export async function withLongModel<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-long-'))
  try {
    await cp(demoModel, folder, { recursive: true })
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as object
    await writeFile(
      join(folder, 'config.json'),
      JSON.stringify({ ...config, max_position_embeddings: POSITIONS }),
    )
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export const DEMO_VOCABULARY = 1024
