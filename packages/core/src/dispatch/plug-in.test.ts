import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { ConfigError, EnvironmentError } from '../errors/families.js'
import { AutoQuantizationConfig } from './auto-quantizer.js'

// Applications, models and what lies between them: one folder a test, below one that is closed to others.
const root = realpathSync(mkdtempSync(join(tmpdir(), 'hfquant-plug-in-')))
const application = newFolder('application')
const elsewhere = newFolder('elsewhere')
afterAll(() => rmSync(root, { recursive: true }))
afterEach(() => vi.restoreAllMocks())

function newFolder(...path: string[]): string {
  const folder = join(root, ...path)
  mkdirSync(folder, { recursive: true })
  return folder
}

const packageOf = (method: string) => `hfquant-backend-${method.replaceAll('_', '-')}`

/** Puts a package into a folder, and into the dependencies of its package.json. */
function install(
  method: string,
  source: string | undefined,
  { exports = './index.js', into = application, listed = true }: InstallOptions = {},
): void {
  const name = packageOf(method)
  const folder = join(into, 'node_modules', name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, type: 'module', exports }))
  if (source !== undefined) writeFileSync(join(folder, 'index.js'), source)
  if (listed) dependOn(method, into)
}

interface InstallOptions {
  readonly exports?: unknown
  readonly into?: string
  readonly listed?: boolean
}

const dependOn = (method: string, folder: string) =>
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ dependencies: { [packageOf(method)]: '*' } }))

const backend = (method: string) => `globalThis.imported = [...(globalThis.imported ?? []), '${method}']
export const quantizer = {
  quantMethod: '${method}',
  parseConfig: () => ({ quantMethod: '${method}', explicitKeys: new Set(), toDict: () => ({}) }),
  create() {},
}`

const find = (method: string, modelFolder = join(elsewhere, 'model')) =>
  AutoQuantizationConfig.fromDict({ quant_method: method }, { modelFolder })

const imported = () => (globalThis as { imported?: string[] }).imported ?? []

/** The package is there, and none of it has run. */
async function expectRefused(method: string, modelFolder: string | undefined, why: RegExp | string) {
  await expect(find(method, modelFolder)).rejects.toMatchObject({
    code: 'QUANT_METHOD_UNKNOWN',
    hint: expect.stringMatching(why),
  })
  expect(imported()).not.toContain(method)
}

function runFrom(folder: string, script?: string): void {
  vi.spyOn(process, 'cwd').mockReturnValue(folder)
  const argv = script === undefined ? [process.execPath] : [process.execPath, script]
  vi.spyOn(process, 'argv', 'get').mockReturnValue(argv)
}

describe('a method that nobody registered comes from the package that is named after it', () => {
  test('when the application runs in its folder', async () => {
    install('plain_steps', backend('plain_steps'))
    runFrom(application)
    expect(await find('plain_steps')).toMatchObject({ quantMethod: 'plain_steps' })
  })

  test('when it runs somewhere else', async () => {
    install('far_steps', backend('far_steps'))
    runFrom(elsewhere, join(application, 'main.js'))
    expect(await find('far_steps')).toMatchObject({ quantMethod: 'far_steps' })
  })

  test('when its scripts lie deeper, beside a package.json that only says what kind they are', async () => {
    install('deep_steps', backend('deep_steps'))
    const dist = newFolder('application', 'dist')
    writeFileSync(join(dist, 'package.json'), '{ "type": "module" }')
    runFrom(elsewhere, join(dist, 'main.js'))
    expect(await find('deep_steps')).toMatchObject({ quantMethod: 'deep_steps' })
  })

  test('when a workspace keeps the packages of its members above them', async () => {
    const member = newFolder('workspace', 'packages', 'member')
    install('raised_steps', backend('raised_steps'), { into: join(root, 'workspace'), listed: false })
    dependOn('raised_steps', member)
    runFrom(member)
    expect(await find('raised_steps')).toMatchObject({ quantMethod: 'raised_steps' })
  })

  test('when it is installed beside the command that runs, which is reached by a link', async () => {
    const modules = newFolder('global', 'node_modules')
    install('global_steps', backend('global_steps'), { into: join(root, 'global'), listed: false })
    const main = join(newFolder('global', 'node_modules', '@hfquant', 'cli', 'dist'), 'main.js')
    writeFileSync(main, '')
    const command = join(newFolder('bin'), 'hfquant')
    symlinkSync(main, command)
    runFrom(elsewhere, command)
    expect(await find('global_steps')).toMatchObject({ quantMethod: 'global_steps' })
    await expectRefused('global_other', modules, 'install it')
  })
})

describe('nothing is imported', () => {
  test('from a model that is the current folder, whatever its package.json says', async () => {
    const model = newFolder('cloned')
    install('cloned_steps', backend('cloned_steps'), { into: model })
    runFrom(model)
    await expectRefused('cloned_steps', model, /is the model.*registerQuantizer/)
    await expectRefused('cloned_steps', '.', /is the model/)
  })

  test('from a folder in a model, or one that holds it', async () => {
    const outer = newFolder('outer')
    const model = newFolder('outer', 'model')
    const inner = newFolder('outer', 'model', 'inner')
    install('outer_steps', backend('outer_steps'), { into: outer })
    install('inner_steps', backend('inner_steps'), { into: inner })
    runFrom(outer)
    await expectRefused('outer_steps', model, /holds the model/)
    runFrom(inner)
    await expectRefused('inner_steps', model, /is the model, or lies in it/)
    runFrom(elsewhere, join(inner, 'main.js'))
    await expectRefused('inner_steps', model, /is the model, or lies in it/)
  })

  test('from a model that is reached by a link, or that a package of the application is linked to', async () => {
    const model = newFolder('linked')
    install('linked_steps', backend('linked_steps'), { into: model })
    const link = join(root, 'link')
    symlinkSync(model, link)
    runFrom(link)
    await expectRefused('linked_steps', model, /is the model/)
    runFrom(model)
    await expectRefused('linked_steps', link, /is the model/)
    const modules = newFolder('linking', 'node_modules')
    symlinkSync(
      join(model, 'node_modules', packageOf('linked_steps')),
      join(modules, packageOf('linked_steps')),
    )
    dependOn('linked_steps', join(root, 'linking'))
    runFrom(join(root, 'linking'))
    await expectRefused('linked_steps', model, /is the model, or lies in it/)
  })

  test('from a folder whose package.json does not list the package', async () => {
    install('unlisted_steps', backend('unlisted_steps'), { into: newFolder('unlisting'), listed: false })
    runFrom(join(root, 'unlisting'))
    await expectRefused('unlisted_steps', undefined, 'install it')
  })

  test('from a folder above the application that others can write', async () => {
    const open = newFolder('open')
    const member = newFolder('open', 'member')
    install('open_steps', backend('open_steps'), { into: open, listed: false })
    dependOn('open_steps', member)
    runFrom(member)
    for (const mode of [0o777, 0o1777]) {
      chmodSync(open, mode)
      await expectRefused('open_steps', undefined, /others can write/)
    }
    chmodSync(open, 0o755)
    expect(await find('open_steps')).toMatchObject({ quantMethod: 'open_steps' })
  })

  test.each(['../evil', 'a/b', '@scope/name', 'Evil', 'a.b', '', ' ', 'é', '__proto__'])(
    'for a method called %j, though what the name leads to is installed',
    async (method) => {
      install(method, backend(method))
      runFrom(application)
      await expectRefused(method, undefined, /./)
    },
  )

  test('for a method whose name is longer than that of any file', async () => {
    runFrom(application)
    await expect(find('a'.repeat(300))).rejects.toMatchObject({ code: 'QUANT_METHOD_UNKNOWN' })
  })
})

describe('a package that cannot be used is told from one that is not installed', () => {
  test('not installed', async () => {
    runFrom(application)
    const finding = find('no_steps')
    await expect(finding).rejects.toThrow(ConfigError)
    await expect(finding).rejects.toMatchObject({ hint: expect.stringContaining('hfquant-backend-no-steps') })
  })

  test.each([
    ['that was not built', 'unbuilt', undefined, './index.js', /index\.js/, 'build it'],
    [
      ...(['that lacks a dependency', 'lacking', "import 'some-missing-package'", './index.js'] as const),
      ...([/some-missing-package/, 'install it again'] as const),
    ],
    [
      ...(['without a default entry', 'unlisted', '', { '.': { import: './index.js' } }] as const),
      ...([/exports/, 'exports["."].default'] as const),
    ],
    ['that throws', 'throwing', 'throw new RangeError("too small")', './index.js', /too small/, 'install it'],
  ])('one %s', async (_what, method, source, exports, problem, hint) => {
    install(method, source, { exports })
    runFrom(application)
    const finding = find(method)
    await expect(finding).rejects.toThrow(EnvironmentError)
    await expect(finding).rejects.toMatchObject({
      code: 'QUANTIZER_BROKEN',
      field: 'quant_method',
      message: expect.stringMatching(problem),
      hint: expect.stringContaining(hint),
    })
  })

  test.each([
    ['with another method in it', 'mistaken', backend('another')],
    ['whose quantizer is none', 'hollow', "export const quantizer = { quantMethod: 'hollow' }"],
  ])('one %s', async (_what, method, source) => {
    install(method, source)
    runFrom(application)
    await expect(find(method)).rejects.toMatchObject({ code: 'QUANTIZER_INVALID' })
  })
})
