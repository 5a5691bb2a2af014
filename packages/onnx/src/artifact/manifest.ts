import { createHash } from 'node:crypto'
import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  digestParts,
  type EntryManifest,
  fileDigests,
  joinDigests,
  MANIFEST_FILE,
  PART_BYTES,
  readManifest,
} from '@hfquant/core/runtime'
import { MODEL_FILE, WEIGHTS_FILE } from './files.js'

/** What a compiled model was made from, for people. */
export interface ArtifactDescription extends Pick<EntryManifest, 'model' | 'source' | 'method'> {
  /** What whoever finds the compiled model should know, as JSON. */
  readonly notes: unknown
}

/** The file that makes a folder a compiled model. It is written last, and says what the others must be. */
interface Manifest extends EntryManifest, ArtifactDescription {
  /** Bytes of each file. */
  readonly bytes: Readonly<Record<string, number>>
  /** SHA-256 of the graph. */
  readonly graphDigest: string
  /** SHA-256 of each part of the weights, as `digestParts` has it; none where there are no weights. */
  readonly weightsDigests: readonly string[]
}

/** On disk it ends with the SHA-256 of itself: notes are believed as they stand. */
interface StoredManifest extends Manifest {
  readonly manifestDigest: string
}

const FILES = [MODEL_FILE, WEIGHTS_FILE]

/**
 * Describes the files of a folder, and puts the description beside them.
 *
 * @returns the description.
 * @throws the reason of `signal`.
 */
export async function writeManifest(
  folder: string,
  key: string,
  { model, source, method, notes }: ArtifactDescription,
  signal: AbortSignal | undefined,
): Promise<Manifest> {
  const sizes = new Map(await fileSizes(folder))
  const manifest: Manifest = {
    ...{ key, model, source, method, notes },
    created: new Date().toISOString(),
    bytes: Object.fromEntries(sizes),
    graphDigest: await digestOf(join(folder, MODEL_FILE)),
    weightsDigests: (await withWeights(folder, (fd, size) => digestParts(fd, size, signal))) ?? [],
  }
  const stored: StoredManifest = { ...manifest, manifestDigest: digestOfManifest(manifest) }
  await writeFile(join(folder, MANIFEST_FILE), `${JSON.stringify(stored, undefined, 2)}\n`)
  return manifest
}

/** Notes that the weights are what the manifest says, for a folder that was written a moment ago and is read-only now. */
export async function noteWeights(
  cache: string,
  folder: string,
  { weightsDigests }: Manifest,
): Promise<void> {
  await withWeights(folder, (fd) => fileDigests(cache).note(fd, joinDigests(weightsDigests)))
}

/**
 * Reads the manifest of a folder and looks at what it describes. The weights are read only if the file is not the one
 * that was looked at before, by its inode and its times.
 *
 * @returns what is wrong with a folder that is damaged.
 * @throws the reason of `signal`.
 */
export async function checkManifest(
  cache: string,
  folder: string,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Manifest | { readonly damage: string }> {
  const stored = await readManifest<StoredManifest>(folder)
  if (stored === undefined) return { damage: `${MANIFEST_FILE} is missing or unreadable` }
  const { manifestDigest, ...manifest } = stored
  if (manifest.key !== key) return { damage: `${MANIFEST_FILE} belongs to another model` }
  if (digestOfManifest(manifest) !== manifestDigest)
    return { damage: `${MANIFEST_FILE} is not what was written` }
  const sizes = new Map(await fileSizes(folder))
  for (const name of FILES) {
    const [found, expected] = [sizes.get(name), manifest.bytes[name]]
    if (found !== expected)
      return { damage: `${name} has ${found ?? 'no'} bytes, expected ${expected ?? 'no'}` }
  }
  if ((await digestOf(join(folder, MODEL_FILE))) !== manifest.graphDigest) {
    return { damage: `${MODEL_FILE} is not what was written` }
  }
  const damage = await withWeights(folder, (fd, size) => checkWeights(cache, { fd, size, signal }, manifest))
  return damage === undefined ? manifest : { damage }
}

/** @returns where the weights are not what the manifest says. */
async function checkWeights(
  cache: string,
  { fd, size, signal }: { fd: number; size: number; signal: AbortSignal | undefined },
  { weightsDigests: expected }: Manifest,
): Promise<string | undefined> {
  const digests = fileDigests(cache)
  const whole = joinDigests(expected)
  if ((await digests.known(fd)) === whole) return undefined
  const found = await digestParts(fd, size, signal)
  const part = found.findIndex((digest, index) => digest !== expected[index])
  if (part < 0 && found.length === expected.length) {
    await digests.note(fd, whole)
    return undefined
  }
  const start = Math.max(part, 0) * PART_BYTES
  const end = Math.min(start + PART_BYTES, size)
  return `bytes ${start} to ${end} of ${WEIGHTS_FILE} are not what was written`
}

const digestOfManifest = (manifest: Manifest): string =>
  createHash('sha256').update(JSON.stringify(manifest)).digest('hex')

/** Undefined for a graph whose constants are all small: it has no weights file. */
async function withWeights<Result>(
  folder: string,
  use: (fd: number, size: number) => Promise<Result>,
): Promise<Result | undefined> {
  const path = join(folder, WEIGHTS_FILE)
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return undefined
  const file = await open(path, 'r')
  return use(file.fd, found.size).finally(() => file.close())
}

/** [name, bytes] of those files that there are. */
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
