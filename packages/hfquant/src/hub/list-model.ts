import { listFiles, modelInfo } from '@huggingface/hub'
import { HubError } from './errors.js'
import { hubFetch } from './hub-fetch.js'
import type { HubSettings } from './hub-settings.js'
import { isCommitHash } from './model-id.js'
import { type HubFile, neededFiles, neededFolders, type WantedFiles } from './needed-files.js'

/** More files than any model repository has at its top. */
const MAX_LISTED_FILES = 10_000
/** Pages may be short or empty, but not for ever. */
const MAX_ANSWERS = 200
/** A listing of so many files has a few megabytes. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024
/** Seconds for all answers together; a hub that sends a byte now and then is never silent. */
const MAX_SECONDS = 120

interface Question {
  readonly settings: HubSettings
  readonly model: string
  readonly revision: string
  readonly wanted: WantedFiles
  /** Weights to take where they are listed. */
  readonly weights: string | undefined
  readonly signal: AbortSignal | undefined
}

/**
 * Which commit the revision stands for now, and what to download of it.
 *
 * @throws HubError, `HUB_RESPONSE_INVALID` also for a listing that does not end
 */
export async function listModel(question: Question): Promise<{ commit: string; files: HubFile[] }> {
  const { settings, model, revision, wanted, weights } = question
  const hubUrl = settings.endpoint
  const deadline = AbortSignal.timeout(MAX_SECONDS * 1000)
  const signal = question.signal === undefined ? deadline : AbortSignal.any([question.signal, deadline])
  const fetch = bounded(hubFetch(settings, { model, revision, signal }), hubUrl)
  try {
    const { sha: commit } = await modelInfo({
      name: model,
      revision,
      additionalFields: ['sha'],
      hubUrl,
      fetch,
    })
    if (!isCommitHash(commit)) throw new TypeError('no commit hash')
    const list = async (path?: string) => {
      const listed = []
      const repo = { type: 'model', name: model } as const
      for await (const file of listFiles({ repo, revision: commit, hubUrl, fetch, ...(path && { path }) })) {
        if (listed.push(file) > MAX_LISTED_FILES) throw endless(hubUrl, `more than ${MAX_LISTED_FILES} files`)
      }
      return listed
    }
    const listed = await list()
    for (const folder of neededFolders(listed, wanted)) listed.push(...(await list(folder)))
    return { commit, files: neededFiles(model, listed, wanted, weights) }
  } catch (error) {
    question.signal?.throwIfAborted()
    if (deadline.aborted) throw slow(hubUrl, model)
    // What the library throws by itself comes from an answer that it could not read.
    const isUnreadable = error instanceof SyntaxError || error instanceof TypeError
    if (!isUnreadable) throw error
    throw new HubError('HUB_RESPONSE_INVALID', `the answer of ${hubUrl} about "${model}" cannot be read`, {
      cause: error,
      hint: 'Check HF_ENDPOINT, and that no login page of a network stands between.',
    })
  }
}

/** A `fetch` that gives a limited number of answers of a limited size. */
function bounded(fetch: typeof globalThis.fetch, hubUrl: string): typeof globalThis.fetch {
  let answers = 0
  return async (input, init) => {
    if (++answers > MAX_ANSWERS) throw endless(hubUrl, `more than ${MAX_ANSWERS} pages of files`)
    const response = await fetch(input, init)
    const { status, headers } = response
    const body = response.body && ReadableStream.from(firstBytes(response.body, hubUrl))
    return new Response(body, { status, headers })
  }
}

async function* firstBytes(body: AsyncIterable<Uint8Array>, hubUrl: string): AsyncGenerator<Uint8Array> {
  let received = 0
  for await (const chunk of body) {
    received += chunk.length
    if (received > MAX_ANSWER_BYTES) throw endless(hubUrl, `more than ${MAX_ANSWER_BYTES} bytes at once`)
    yield chunk
  }
}

function endless(hubUrl: string, what: string): HubError {
  return new HubError('HUB_RESPONSE_INVALID', `the hub at ${hubUrl} lists ${what}`, {
    hint: 'Check HF_ENDPOINT: what answers there does not speak the interface of the Hugging Face hub.',
  })
}

function slow(hubUrl: string, model: string): HubError {
  const message = `the hub at ${hubUrl} did not list the files of "${model}" within ${MAX_SECONDS} seconds`
  return new HubError('HUB_TIMEOUT', message, { found: MAX_SECONDS, hint: 'Try again later.' })
}
