import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { resolveModel } from './index.js'
import { failure, home, hub, MODEL } from './test-hub.fixture.js'

const TOKEN = 'hf_secretsecretsecret'

describe('access', () => {
  it('is refused without a token, and the hint names the variable', async () => {
    hub.requiredToken = TOKEN
    const error = await failure(resolveModel(MODEL))
    expect(error).toMatchObject({ code: 'HUB_UNAUTHORIZED', hint: expect.stringContaining('HF_TOKEN') })
  })

  it.each<[string, () => Promise<unknown> | unknown]>([
    ['HF_TOKEN', () => vi.stubEnv('HF_TOKEN', TOKEN)],
    ['the token file of HF_HOME', () => writeFile(join(home, 'token'), `${TOKEN}\n`)],
    [
      'the file that HF_TOKEN_PATH names',
      async () => {
        await writeFile(join(home, 'elsewhere'), TOKEN)
        vi.stubEnv('HF_TOKEN_PATH', join(home, 'elsewhere'))
      },
    ],
  ])('is granted by %s, and the token stays with the hub', async (_, provide) => {
    hub.requiredToken = TOKEN
    await provide()
    expect(existsSync(join(await resolveModel(MODEL), 'model.safetensors'))).toBe(true)
    expect(hub.requests).toContain('GET storage /model.safetensors')
    expect(hub.tokensAtStorage).toEqual([])
  })

  it('needs no token elsewhere: a listing that continues on another origin is read without', async () => {
    vi.stubEnv('HF_TOKEN', TOKEN)
    hub.continuesElsewhere = true
    await resolveModel(MODEL)
    expect(hub.requests).toContain('GET storage /page-2')
    expect(hub.tokensAtStorage).toEqual([])
  })

  it('never shows the token, whatever fails', async () => {
    hub.requiredToken = 'another'
    const secrets = [TOKEN, `${TOKEN}\nbroken`]
    for (const secret of secrets) {
      vi.stubEnv('HF_TOKEN', secret)
      const error = await failure(resolveModel(MODEL))
      expect(error.code).toMatch(/^(HUB_UNAUTHORIZED|HF_TOKEN_INVALID)$/)
      expect(`${error.stack} ${error.hint} ${JSON.stringify(error)} ${error.cause}`).not.toContain('secret')
    }
  })

  it('takes no endpoint with a password, nor shows it', async () => {
    vi.stubEnv('HF_ENDPOINT', 'http://user:secret@127.0.0.1:9')
    const error = await failure(resolveModel(MODEL))
    expect(error.code).toBe('HF_ENDPOINT_INVALID')
    expect(`${error.stack} ${error.hint}`).not.toContain('secret')
  })
})
