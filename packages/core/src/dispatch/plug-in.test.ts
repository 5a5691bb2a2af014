import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { ConfigError, EnvironmentError } from '../errors/families.js'
import { AutoQuantizationConfig } from './auto-quantizer.js'

// An application: a folder with packages installed in it.
const application = realpathSync(mkdtempSync(join(tmpdir(), 'hfquant-plug-in-')))
const elsewhere = realpathSync(mkdtempSync(join(tmpdir(), 'hfquant-elsewhere-')))
afterAll(() => {
  for (const folder of [application, elsewhere]) rmSync(folder, { recursive: true })
})
afterEach(() => vi.restoreAllMocks())

function install(method: string, source: string | undefined, exports: unknown = './index.js'): void {
  const name = `hfquant-backend-${method.replaceAll('_', '-')}`
  const folder = join(application, 'node_modules', name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, type: 'module', exports }))
  if (source !== undefined) writeFileSync(join(folder, 'index.js'), source)
}

const backend = (method: string) => `export const quantizer = {
  quantMethod: '${method}',
  parseConfig: () => ({ quantMethod: '${method}', explicitKeys: new Set(), toDict: () => ({}) }),
}`

const find = (method: string) => AutoQuantizationConfig.fromDict({ quant_method: method })

function runFrom(folder: string, script?: string): void {
  vi.spyOn(process, 'cwd').mockReturnValue(folder)
  if (script !== undefined) vi.spyOn(process, 'argv', 'get').mockReturnValue([process.execPath, script])
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
    install(method, source, exports)
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

  test('one with another method in it', async () => {
    install('mistaken', backend('another'))
    runFrom(application)
    await expect(find('mistaken')).rejects.toMatchObject({ code: 'QUANTIZER_INVALID' })
  })
})
