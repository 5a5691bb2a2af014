import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { demoModel } from 'hfquant/demo'
import { beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder, writeLlama } from './testing/checkpoint.fixture.js'
import { runCli, startCli, startShell } from './testing/run-cli.fixture.js'

const root = temporaryFolder()
const model = join(root, 'model')
const reference = join(root, 'reference')
const quantize = (out: string) => ['quantize', model, out, '--recipe', 'int8-weight-only']

beforeAll(async () => {
  writeLlama(model, { hidden: 1024, intermediate: 2048, layers: 4, vocabulary: 512 })
  expect((await runCli(quantize(reference))).status).toBe(0)
})

/** Some of these moments come before the first byte is written, some amid the writing, some after the end. */
const MOMENTS = [100, 300, 500]

describe.each(['SIGTERM', 'SIGKILL'] as const)('%s while quantizing', (signal) => {
  it.each(MOMENTS)(
    'after %i ms: the folder is complete or absent, and a second run succeeds',
    async (moment) => {
      const parent = join(root, `${signal}-${moment}`)
      const out = join(parent, 'out')
      const { child, ended } = startCli(quantize(out))
      await setTimeout(moment)
      child.kill(signal)
      const { status } = await ended
      if (existsSync(out)) expectComplete(out)
      // Before its first line runs, a program is simply ended by SIGTERM.
      if (signal === 'SIGTERM') {
        expect([0, 143, null]).toContain(status)
        expect(existsSync(parent) ? readdirSync(parent) : []).toEqual(existsSync(out) ? ['out'] : [])
      }
      expect((await runCli(quantize(out))).status).toBe(0)
      expectComplete(out)
      expect(readdirSync(parent)).toEqual(['out'])
    },
  )
})

describe('Ctrl-C', () => {
  it('ends an evaluation with 130 and removes its files', async () => {
    const TMPDIR = join(root, 'temporary')
    mkdirSync(TMPDIR)
    const { child, ended } = startCli(['eval', demoModel, demoModel, '--json'], { TMPDIR })
    child.stderr!.once('data', () => child.kill('SIGINT'))
    const { status, stdout, stderr } = await ended
    expect(stderr).toMatch(/^INTERRUPTED: /m)
    expect(JSON.parse(stdout).error.code).toBe('INTERRUPTED')
    expect(status).toBe(130)
    expect(readdirSync(TMPDIR)).toEqual([])
  })

  it.runIf(process.platform === 'linux')(
    'is what the status says even if the report of it cannot be written',
    async () => {
      const { child, ended } = startShell('exec "$@" > /dev/full', ['eval', demoModel, demoModel, '--json'])
      child.stderr!.once('data', () => child.kill('SIGINT'))
      const { status, stderr } = await ended
      expect([status, stderr]).toEqual([130, expect.stringMatching(/^INTERRUPTED: /m)])
    },
  )

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends a text with %i', async (signal, status) => {
    const { child, ended } = startText()
    child.stdout!.once('data', () => child.kill(signal))
    expect((await ended).status).toBe(status)
  })

  it('ends the process quietly when it comes twice', async () => {
    const { child, ended } = startText()
    child.stdout!.once('data', () => {
      child.kill('SIGTERM')
      child.kill('SIGINT')
    })
    const { status, signal, stderr } = await ended
    expect([130, 143]).toContain(status)
    expect(signal).toBeNull()
    expect(stderr).not.toContain('terminate called')
  })
})

const startText = () =>
  startCli(['generate', demoModel, 'One', '--max-new-tokens', '400', '--temperature', '4'])

describe('a reader that leaves', () => {
  it('standard error: the model is written all the same', async () => {
    const parent = join(root, 'no-log')
    const { child, ended } = startCli(quantize(join(parent, 'out')))
    child.stderr!.destroy()
    expect((await ended).status).toBe(0)
    expectComplete(join(parent, 'out'))
    expect(readdirSync(parent)).toEqual(['out'])
  })
})

function expectComplete(folder: string): void {
  expect(readdirSync(folder)).toEqual(readdirSync(reference))
  for (const name of readdirSync(reference)) {
    expect(readFileSync(join(folder, name)).equals(readFileSync(join(reference, name)))).toBe(true)
  }
}
