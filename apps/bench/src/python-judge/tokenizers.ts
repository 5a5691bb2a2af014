import { spawn } from 'node:child_process'
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { AutoTokenizer, type Tokenizer } from 'hfquant'
import { wholeNumber } from '../measure/arguments.js'
import { judgedTexts, proseOfAMegabyte } from './texts.js'

export const TOKENIZERS_USAGE = `  pnpm bench tokenizers FOLDER --python BIN [--texts 500]
                                                      encodes and decodes texts with every tokenizer.json below FOLDER
                                                      as hfquant and the tokenizers of a Python do, and times a
                                                      megabyte; exits with 1 if something differs`

/** What Python makes of one text. */
type Judged =
  | { readonly ids: number[]; readonly plain: number[]; readonly text: string; readonly special: string }
  | { readonly error: string }

interface Judgement {
  readonly texts: readonly Judged[]
  readonly long: readonly { readonly ids: number[]; readonly seconds: number }[]
}

/** Compares tokenizers with Python's, prints a line for each, and what differs first. */
export async function compareTokenizers(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { python: { type: 'string' }, texts: { type: 'string', default: '500' } },
  })
  const [folder] = positionals
  if (folder === undefined || values.python === undefined) throw new TypeError(`usage:\n${TOKENIZERS_USAGE}`)
  const texts = judgedTexts(wholeNumber('texts', values.texts))
  for (const file of await findTokenizers(folder)) {
    // A file that Python does not read is no reason to leave the others out.
    const line = await judgeInPython(values.python, file, texts, [proseOfAMegabyte()]).then(
      (judged) => compareOne(file, texts, judged),
      (error: Error) => `${file}: not compared, ${error.message}`,
    )
    console.log(line)
  }
}

async function findTokenizers(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true })
  return entries
    .filter((name) => basename(name) === 'tokenizer.json')
    .map((name) => resolve(folder, name))
    .sort()
}

async function compareOne(file: string, texts: readonly string[], judged: Judgement): Promise<string> {
  const tokenizer = await loadAlone(file)
  const wrong = texts.filter((one, index) => !isEqual(tokenizer, one, judged.texts[index]!))
  const { seconds, late, ids } = await measure(tokenizer, proseOfAMegabyte())
  const [long] = judged.long
  const sameLong = JSON.stringify(ids) === JSON.stringify(long!.ids)
  if (wrong.length > 0 || !sameLong) process.exitCode = 1
  return [
    `${basename(dirname(file))}: ${texts.length - wrong.length} of ${texts.length} texts equal, a megabyte ${sameLong ? 'too' : 'is not'}`,
    `  ${seconds.toFixed(2)} s, Python ${long!.seconds.toFixed(2)} s; a 10 ms timer is ${late.toFixed(0)} ms late at most`,
    ...wrong.slice(0, 3).map((one) => `  differs: ${JSON.stringify(one)}`),
  ].join('\n')
}

/** The tokenizer without the files beside it, which Python's `tokenizers` does not read either. */
async function loadAlone(file: string): Promise<Tokenizer> {
  const folder = await mkdtemp(join(tmpdir(), 'tokenizer-'))
  try {
    await copyFile(file, join(folder, 'tokenizer.json'))
    return await AutoTokenizer.fromPretrained(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

function isEqual(tokenizer: Tokenizer, one: string, judged: Judged): boolean {
  try {
    const ids = tokenizer.encode(one)
    if ('error' in judged) return false
    return (
      JSON.stringify(ids) === JSON.stringify(judged.ids) &&
      JSON.stringify(tokenizer.encode(one, { addSpecialTokens: false })) === JSON.stringify(judged.plain) &&
      tokenizer.decode(judged.ids) === judged.text &&
      tokenizer.decode(judged.ids, { skipSpecialTokens: false }) === judged.special
    )
  } catch {
    return 'error' in judged
  }
}

async function measure(
  tokenizer: Tokenizer,
  long: string,
): Promise<{ seconds: number; late: number; ids: number[] }> {
  let last = performance.now()
  let late = 0
  const timer = setInterval(() => {
    const now = performance.now()
    late = Math.max(late, now - last - 10)
    last = now
  }, 10)
  const started = performance.now()
  const ids = await tokenizer.encodeAsync(long)
  const seconds = (performance.now() - started) / 1000
  clearInterval(timer)
  return { seconds, late, ids }
}

async function judgeInPython(
  python: string,
  file: string,
  texts: readonly string[],
  long: readonly string[],
): Promise<Judgement> {
  // Built into dist/, while the script stays among the sources.
  const script = fileURLToPath(new URL('../src/python-judge/encode_and_decode.py', import.meta.url))
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((done, failed) => child.once('error', failed).once('close', done))
  // A Python that lacks the library ends before it reads; its status says so below.
  child.stdin.on('error', () => {})
  child.stdin.end(JSON.stringify({ file, texts, long }))
  const [output, status] = await Promise.all([text(child.stdout), ended])
  if (status !== 0) throw new Error(`${python} ended with ${status}; it needs tokenizers`)
  return JSON.parse(output) as Judgement
}
