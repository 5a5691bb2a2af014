import { createHash } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MODEL_FILE, WEIGHTS_FILE } from './files.js'

/** What a compiled model was made from, for people. */
export interface ArtifactDescription {
  /** Name of the model. */
  readonly model: string
  /** Path of the model folder. */
  readonly source: string
  /** `quant_method`; null for a float model. */
  readonly method: string | null
  /** What whoever finds the compiled model should know, as JSON. */
  readonly notes: unknown
}

/** The file that makes a folder a compiled model. It is written last, and says what the others must be. */
export interface Manifest extends ArtifactDescription {
  readonly key: string
  /** ISO 8601. */
  readonly created: string
  /** Bytes of each file. */
  readonly bytes: Readonly<Record<string, number>>
  /** SHA-256 of the graph. The weights are too large to be read before they are used. */
  readonly graphDigest: string
}

export const MANIFEST_FILE = 'manifest.json'
const FILES = [MODEL_FILE, WEIGHTS_FILE]

/** Describes the files of a folder, and puts the description beside them. */
export async function writeManifest(
  folder: string,
  key: string,
  { model, source, method, notes }: ArtifactDescription,
): Promise<void> {
  const manifest: Manifest = {
    ...{ key, model, source, method, notes },
    created: new Date().toISOString(),
    bytes: Object.fromEntries(await fileSizes(folder)),
    graphDigest: await digestOf(join(folder, MODEL_FILE)),
  }
  await writeFile(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, undefined, 2)}\n`)
}

/**
 * Reads the manifest of a folder and looks at what it describes.
 *
 * @returns undefined when there is no folder, and what is wrong with one that is damaged.
 */
export async function checkManifest(
  folder: string,
  key: string,
): Promise<Manifest | { readonly damage: string } | undefined> {
  if ((await stat(folder).catch(() => undefined)) === undefined) return undefined
  const manifest = await readManifest(folder)
  if (manifest === undefined) return { damage: `${MANIFEST_FILE} is missing or unreadable` }
  if (manifest.key !== key) return { damage: `${MANIFEST_FILE} belongs to another model` }
  const sizes = new Map(await fileSizes(folder))
  for (const name of FILES) {
    const [found, expected] = [sizes.get(name), manifest.bytes[name]]
    if (found !== expected)
      return { damage: `${name} has ${found ?? 'no'} bytes, expected ${expected ?? 'no'}` }
  }
  if ((await digestOf(join(folder, MODEL_FILE))) !== manifest.graphDigest) {
    return { damage: `${MODEL_FILE} is not what was written` }
  }
  return manifest
}

/** The manifest as it stands, of whatever was written there. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    const manifest = JSON.parse(await readFile(join(folder, MANIFEST_FILE), 'utf8')) as Manifest
    const { key, model, source, created, bytes, graphDigest } = manifest
    const texts = [key, model, source, created, graphDigest]
    const isWhole =
      texts.every((value) => typeof value === 'string') && typeof bytes === 'object' && bytes !== null
    return isWhole ? manifest : undefined
  } catch {
    return undefined
  }
}

/** [name, bytes] of those files that there are; a graph whose constants are all small has no weights file. */
async function fileSizes(folder: string): Promise<(readonly [string, number])[]> {
  const sizes = await Promise.all(
    FILES.map(async (name) => [name, (await stat(join(folder, name)).catch(() => undefined))?.size] as const),
  )
  return sizes.filter((entry): entry is readonly [string, number] => entry[1] !== undefined)
}

const digestOf = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path).catch(() => ''))
    .digest('hex')
