import { rmSync } from 'node:fs'
import { link, mkdir, readdir, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import {
  cacheFolder,
  carriedFiles,
  copyModelFile,
  createScratchFolder,
  type JsonObject,
  outputError,
} from '@hfquant/core/runtime'
import { dequantizeBlocks, type GgufCheckpoint, openGgufCheckpoint } from '@hfquant/gguf'
import { ggufConfig } from '@hfquant/models'
import type { TokenizerFiles } from '../../tokenizer/read-files.js'
import { findGguf } from './find-gguf.js'
import { tokenizerOfGguf } from './tokenizer-of-gguf.js'

/**
 * The folder in which config.json and the tokenizer of a model lie. A GGUF file has both within itself: for it a folder
 * is made, once a process, that lasts as long as the process does, and holds links to the file and its parts. Any other path
 * is returned as it is.
 *
 * @param path a folder, or a GGUF file.
 * @throws CheckpointError GGUF_SEVERAL; GgufError for a damaged or hostile file; CapabilityError, CheckpointError or
 * TokenizerFileError for a model or a tokenizer that is not read; OutputError where no folder can be made.
 */
export async function modelFolder(path: string): Promise<string> {
  const file = files.has(path) ? undefined : await findGguf(path)
  if (file === undefined) return path
  const version = await stat(file, { bigint: true }).catch(() => undefined)
  const key = [file, version?.dev, version?.ino, version?.size, version?.mtimeNs].join('\0')
  const made = folders.get(key) ?? unfold(file)
  folders.set(key, made)
  try {
    return await made
  } catch (error) {
    folders.delete(key)
    throw error
  }
}

/** The GGUF file that `modelFolder` made a folder of. */
export const ggufOf = (folder: string): string | undefined => files.get(folder)

/** Folders of this process, by the version of the file that each was made of. */
const folders = new Map<string, Promise<string>>()

/** The file, by the folder. */
const files = new Map<string, string>()

async function unfold(file: string): Promise<string> {
  const beside = await carriedFiles(dirname(file))
  const hasTokenizer = beside.includes(TOKENIZER)
  const { config, tokenizer, parts } = await readHeader(file, !hasTokenizer)
  const work = await createScratchFolder(cacheFolder())
  if (files.size === 0) process.on('exit', removeFolders)
  // The folder has the name of the model, by which exports and servers call it.
  const folder = join(work.path, basename(file).replace(/\.gguf$/i, ''))
  files.set(folder, file)
  try {
    await mkdir(folder)
    for (const name of beside) {
      if (!hasTokenizer && name !== GENERATION) continue
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await copyModelFile(dirname(file), name, join(folder, name))
    }
    if (tokenizer !== undefined) await writeTokenizer(folder, tokenizer)
    await writeJson(folder, 'config.json', config)
    await setTimes(folder, file)
    for (const part of parts) await linkTo(part, join(folder, basename(part)))
    return folder
  } catch (cause) {
    throw outputError(cause, folder)
  }
}

const TOKENIZER = 'tokenizer.json'
const GENERATION = 'generation_config.json'

function removeFolders(): void {
  for (const folder of files.keys()) rmSync(dirname(folder), { recursive: true, force: true })
}

/** A server knows versions of a model by the times of its files: those of the folder are the file's own. */
async function setTimes(folder: string, file: string): Promise<void> {
  const { atime, mtime } = await stat(file)
  for (const name of await readdir(folder)) await utimes(join(folder, name), atime, mtime)
}

/** Windows without developer mode has no symbolic links; a hard link will do. */
const linkTo = (target: string, path: string): Promise<void> =>
  symlink(resolve(target), path).catch(() => link(target, path))

interface GgufHeaders {
  readonly config: JsonObject
  readonly tokenizer: TokenizerFiles | undefined
  /** Paths of all files of the model. */
  readonly parts: readonly string[]
}

async function readHeader(file: string, wantsTokenizer: boolean): Promise<GgufHeaders> {
  await using checkpoint = await openGgufCheckpoint(file)
  // Numbers are computed with, and saved, in float32 unless somebody asks for less: blocks stand for no shorter ones.
  const config = { ...ggufConfig(checkpoint, file, await ropeDivisors(checkpoint)), dtype: 'float32' }
  const tokenizer = wantsTokenizer ? tokenizerOfGguf(checkpoint.metadata, file) : undefined
  return { config, tokenizer, parts: checkpoint.files.map((part) => part.path) }
}

const ROPE_DIVISORS = 'rope_freqs.weight'

async function ropeDivisors({ tensors }: GgufCheckpoint): Promise<Float32Array | undefined> {
  const found = tensors.get(ROPE_DIVISORS)
  return found && dequantizeBlocks(found.tensor.type, await found.file.read(ROPE_DIVISORS))
}

async function writeTokenizer(folder: string, files: TokenizerFiles): Promise<void> {
  await writeJson(folder, TOKENIZER, files.tokenizer)
  await writeJson(folder, 'tokenizer_config.json', files.config)
  for (const [name, template] of files.templateFiles) {
    if (name === 'default') {
      await writeFile(join(folder, 'chat_template.jinja'), template)
    } else if (/^\w[\w.-]*$/.test(name)) {
      const templates = join(folder, 'additional_chat_templates')
      await mkdir(templates, { recursive: true })
      await writeFile(join(templates, `${name}.jinja`), template)
    }
  }
}

const writeJson = (folder: string, name: string, json: JsonObject): Promise<void> =>
  writeFile(join(folder, name), JSON.stringify(json))
