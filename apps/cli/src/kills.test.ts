import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { storyText } from 'hfquant/demo'
import { describe, expect, it, vi } from 'vitest'
import { temporaryFolder } from './testing/checkpoint.fixture.js'
import { runCli, startCli } from './testing/run-cli.fixture.js'
import { makeTinyModel } from './testing/tiny-model.fixture.js'

/**
 * Kills commands at random moments, and looks at what is left. `HFQUANT_KILL_RUNS` is the number of kills, over all
 * commands together, and `HFQUANT_KILL_SEED` the seed of their moments:
 *
 *   HFQUANT_KILL_RUNS=200 pnpm vitest apps/cli/src/kills.test.ts
 */
const RUNS = Number(process.env.HFQUANT_KILL_RUNS ?? 5)
const SEED = Number(process.env.HFQUANT_KILL_SEED ?? 1)

const root = temporaryFolder()
const model = makeTinyModel(join(root, 'model'))
const stories = join(root, 'stories.txt')
writeFileSync(stories, storyText({ seed: 1, stories: 8 }))

interface Drill {
  readonly args: readonly string[]
  /** The file or folder that is written; undefined for a command that writes to the cache alone. */
  readonly out?: string
}

const drills: Readonly<Record<string, (folder: string) => Drill>> = {
  quantize: (folder) => {
    const out = join(folder, 'out')
    return { args: ['quantize', model, out, '--recipe', 'int8-weight-only'], out }
  },
  'first generate': () => ({
    args: ['generate', model, 'One morning', '--max-new-tokens', '4', '--temperature', '0'],
  }),
  'export to GGUF': (folder) => {
    const out = join(folder, 'model.gguf')
    return { args: ['export', model, out, '--format', 'gguf', '--type', 'Q8_0'], out }
  },
  'export to ONNX': (folder) => {
    const out = join(folder, 'onnx-model')
    return { args: ['export', model, out, '--format', 'onnx', '--type', 'q8'], out }
  },
  calibration: (folder) => {
    const out = join(folder, 'calibrated')
    const samples = ['--calibration', stories, '--samples', '4', '--sequence-length', '32']
    return { args: ['quantize', model, out, '--recipe', 'gptq-int4-g32', ...samples], out }
  },
}

const names = Object.keys(drills)
/** Every command gets its share, the first ones what does not divide. */
const shareOf = (index: number): number =>
  Math.floor(RUNS / names.length) + (index < RUNS % names.length ? 1 : 0)

describe.each(names.map((name, index) => [name, shareOf(index), index] as const))(
  '%s',
  (name, kills, index) => {
    vi.setConfig({ testTimeout: 60_000 + kills * 60_000 })

    it(`that is killed ${kills} times damages nothing, and leaves nothing after the next run`, async () => {
      const folder = join(root, String(index))
      const HFQUANT_CACHE = join(folder, 'cache')
      const { args, out } = drills[name]!(join(folder, 'work'))
      const begun = performance.now()
      const whole = await runCli(args, { HFQUANT_CACHE })
      const duration = performance.now() - begun
      expect(whole.status).toBe(0)
      const digest = out && digestOf(out)
      const random = randomFrom(SEED + index)
      for (let kill = 0; kill < kills; kill++) {
        // Half of them begin with nothing, half replace what is there; so do the first ones of all commands.
        if ((kill + index) % 2 === 0) rmSync(folder, { recursive: true, force: true })
        const { child, ended } = startCli(args, { HFQUANT_CACHE })
        await setTimeout(random() * duration)
        child.kill('SIGKILL')
        await ended
        if (out !== undefined && existsSync(out)) expect(digestOf(out)).toBe(digest)
      }
      const next = await runCli(args, { HFQUANT_CACHE })
      expect([next.status, out === undefined ? next.stdout : digestOf(out)]).toEqual([
        0,
        out === undefined ? whole.stdout : digest,
      ])
      expect(leftIn(folder)).toEqual([])
    })
  },
)

/** What is neither a result nor a compiled model. */
function leftIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => /\.hfquant-|[/\\](work|calibrations)[/\\][^/\\]+$/.test(name))
}

/** Of a file, or of all files of a folder with their names. */
function digestOf(path: string): string {
  const hash = createHash('sha256')
  if (statSync(path).isFile()) return hash.update(readFileSync(path)).digest('hex')
  for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' }).sort()) {
    if (statSync(join(path, name)).isFile()) hash.update(name).update(readFileSync(join(path, name)))
  }
  return hash.digest('hex')
}

/** Numbers from 0 to 1 that depend on the seed alone. */
function randomFrom(seed: number): () => number {
  let count = 0
  return () => createHash('sha256').update(`${seed} ${count++}`).digest().readUInt32LE() / 2 ** 32
}
